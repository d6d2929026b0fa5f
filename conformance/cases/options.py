"""The options of a layer by profile: the field of the configuration and its values, the neutral value first."""

from __future__ import annotations

from typing import Any

from peerspec.reference import PeerConfig

__all__ = ["KEYS_PER_HEAD", "OPTIONS", "option_words", "profiles_of", "sizes", "without_activation"]

OPTIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "query-bias": ("query_bias", (False, True)),
    "query-norm": ("query_norm", ("none", "layer", "batch")),
    "glu": ("expert", ("mlp", "glu")),
    "sigmoid": ("gate", ("softmax", "sigmoid")),
}
KEYS_PER_HEAD = "per-head-keys"
"""The profile of the field ``key_heads``, whose values are 1 and the number of heads."""


def profiles_of(config: PeerConfig) -> set[str]:
    """The profiles whose options a configuration uses."""
    used = {profile for profile, (field, values) in OPTIONS.items() if getattr(config, field) != values[0]}
    return used | ({KEYS_PER_HEAD} if config.key_heads > 1 else set())


def sizes(config: PeerConfig) -> str:
    """The sizes of a configuration and its activation, in a few words."""
    c = config
    return f"D={c.d_model} M={c.d_out} h={c.heads} n={c.n} k={c.top_k} d={c.d_key}, {c.activation}"


def option_words(config: PeerConfig) -> list[str]:
    """The options that a configuration uses, in words."""
    words = {
        "sigmoid": config.gate == "sigmoid",
        "GLU": config.expert == "glu",
        f"query norm {config.query_norm}": config.query_norm != "none",
        "query bias": config.query_bias,
        "keys per head": config.key_heads > 1,
    }
    return [word for word, used in words.items() if used]


def without_activation(config: PeerConfig) -> str:
    """The sizes of a configuration with its options, in a few words.

    Example:
        >>> without_activation(PeerConfig(8, 2, 25, 4, 6, gate="sigmoid"))
        'D=8 M=8 h=2 N=25 k=4 d=6, sigmoid'
    """
    c = config
    found = f"D={c.d_model} M={c.d_out} h={c.heads} N={c.num_experts} k={c.top_k} d={c.d_key}"
    return ", ".join([found, *option_words(config)])
