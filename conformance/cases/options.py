"""The options of a layer by profile: the field of the configuration and its values, the neutral value first."""

from __future__ import annotations

from typing import Any

from peerspec.reference import PeerConfig

__all__ = ["KEYS_PER_HEAD", "OPTIONS", "profiles_of", "sizes"]

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
