"""The levels of CNF-4: what a backend must take, and the configurations that stand for others at the level base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from peerspec.reference import PeerConfig

__all__ = ["BASE_ACTIVATIONS", "full_requires", "in_base", "stand_ins", "with_k"]

FULL_ACTIVATIONS = ("relu", "identity")
"""At the level full, every configuration with one of these must be taken."""
BASE_ACTIVATIONS = ("relu", "gelu")
"""At the level base, every configuration of the level must be taken with one of these."""
_MULTIPLE = 8
"""D and M are multiples of it at the level base."""
_MOST = 1 << 27
"""Numbers in the expert tables of a stand-in, half a gigabyte in float32."""


def full_requires(config: PeerConfig) -> bool:
    """Whether a backend of the level full must take the configuration if it claims its profiles."""
    return config.activation in FULL_ACTIVATIONS


def in_base(config: PeerConfig, activation: str) -> PeerConfig | None:
    """The configuration with that activation, D = M rounded up to a multiple of 8, and k ≤ n.

    None if its tables are too large to be made for a case.
    """
    width = -(-max(config.d_model, config.d_out) // _MULTIPLE) * _MULTIPLE
    if 2 * width * config.num_experts > _MOST:
        return None
    return replace(config, d_model=width, d_out=width, top_k=min(config.top_k, config.n), activation=activation)


def stand_ins(config: PeerConfig, *, own_activation: bool) -> Iterator[PeerConfig]:
    """Configurations that may stand at the level base for one that a backend declines, the nearest first."""
    others = () if own_activation else BASE_ACTIVATIONS
    for activation in dict.fromkeys((config.activation, *others)):
        if based := in_base(config, activation):
            yield based


def with_k(n: int, k: int, activation: str) -> PeerConfig:
    """A configuration of the profile core whose selection is k of n² experts; of the level base if k ≤ n."""
    return PeerConfig(_MULTIPLE, 1, n * n, k, 2, activation=activation)
