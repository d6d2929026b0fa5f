"""The levels of CNF-4: what a backend must take, and the configurations that stand for those that it declines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from peerspec.reference import PeerConfig

__all__ = ["BASE_ACTIVATIONS", "full_forms", "full_requires", "in_base", "stand_ins", "with_k"]

FULL_ACTIVATIONS = ("relu", "identity")
"""At the level full, every configuration with one of these must be taken."""
BASE_ACTIVATIONS = ("relu", "gelu")
"""At the level base, every configuration of the level must be taken with one of these."""
_MULTIPLE = 8
"""D and M are multiples of it at the level base."""
_MOST = 1 << 27
"""Numbers in expert tables; a configuration with more may always be declined. They are half a gigabyte in float32."""


def full_requires(config: PeerConfig) -> bool:
    """Whether a backend of the level full must take the configuration if it claims its profiles."""
    return config.activation in FULL_ACTIVATIONS and not _too_large(config)


def full_forms(config: PeerConfig) -> Iterator[PeerConfig]:
    """The configuration with each activation of the level full, if the level requires it."""
    yield from filter(full_requires, (replace(config, activation=kind) for kind in FULL_ACTIVATIONS))


def in_base(config: PeerConfig, activation: str) -> PeerConfig | None:
    """The configuration with that activation, D = M rounded up to a multiple of 8, and k ≤ n.

    None if its tables are so large that it may always be declined.
    """
    width = -(-max(config.d_model, config.d_out) // _MULTIPLE) * _MULTIPLE
    based = replace(config, d_model=width, d_out=width, top_k=min(config.top_k, config.n), activation=activation)
    return None if _too_large(based) else based


def stand_ins(config: PeerConfig, *, own_activation: bool) -> Iterator[PeerConfig]:
    """Configurations that may stand for one that a backend declines, the nearest first.

    A backend of the level full takes the one with ``relu``. Those after it are of the level base; the last, with
    ``identity``, helps a backend that takes that activation alone in this shape.
    """
    others = () if own_activation else BASE_ACTIVATIONS
    based = (in_base(config, kind) for kind in (config.activation, *others))
    first, last = ([] if own_activation else [replace(config, activation=kind)] for kind in FULL_ACTIVATIONS)
    found = dict.fromkeys((*first, *filter(None, based), *last))
    found.pop(config, None)
    yield from found


def with_k(n: int, k: int, activation: str) -> PeerConfig:
    """A configuration of the profile core whose selection is k of n² experts; of the level base if k ≤ n."""
    return PeerConfig(_MULTIPLE, 1, n * n, k, 2, activation=activation)


def _too_large(config: PeerConfig) -> bool:
    columns = config.d_model * (2 if config.expert == "glu" else 1) + config.d_out
    return config.num_experts * columns > _MOST
