"""Comparison layers as large as a PEER layer by one of three measures (SPEC.md, CMP-8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from peerspec.reference.comparison.config import (
    ComparisonConfig,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)
from peerspec.reference.comparison.cost import comparison_cost
from peerspec.reference.comparison.fields import require_option
from peerspec.reference.config import PeerConfig
from peerspec.reference.cost import cost
from peerspec.reference.errors import ConfigError

__all__ = ["MEASURES", "equal_dense", "equal_expert_choice", "equal_pkm", "equal_token_choice"]

MEASURES = ("active_parameters", "flops_per_token", "bytes_per_token")
"""What may be equal: an attribute of ``Cost``. The last is equal where the experts alone are."""
Config = TypeVar("Config", bound=ComparisonConfig)


def equal_dense(peer: PeerConfig, *, by: str) -> DenseConfig:
    """The dense layer that is nearest to a PEER layer by a measure; the lower d_hidden of two that are equally near.

    Args:
        peer: the PEER layer. D, M, activation and expert are taken over.
        by: one of ``MEASURES``.

    Raises:
        ConfigError: another measure, or one neuron has more of it than the PEER layer.

    Example:
        >>> peer = PeerConfig(d_model=256, heads=8, num_experts=1024**2, top_k=16, d_key=128)
        >>> equal_dense(peer, by="bytes_per_token").d_hidden, equal_dense(peer, by="flops_per_token").d_hidden
        (128, 2690)
    """
    return _nearest(
        peer,
        by,
        lambda size: DenseConfig(peer.d_model, size, d_out=peer.d_out, activation=peer.activation, expert=peer.expert),
    )


def equal_token_choice(
    peer: PeerConfig,
    *,
    by: str,
    num_experts: int,
    top_k: int,
    gate: str = "softmax_after",
    capacity: int | None = None,
) -> TokenChoiceConfig:
    """The token-choice layer of E experts and k choices whose d_hidden makes it nearest to a PEER layer.

    Args:
        peer, by: as for ``equal_dense``.
        num_experts, top_k, gate, capacity: of the layer.

    Raises:
        ConfigError: as ``equal_dense``.

    Example:
        >>> peer = PeerConfig(d_model=256, heads=8, num_experts=1024**2, top_k=16, d_key=128)
        >>> equal_token_choice(peer, by="active_parameters", num_experts=64, top_k=2).d_hidden
        432
    """
    return _nearest(
        peer,
        by,
        lambda size: TokenChoiceConfig(
            peer.d_model,
            num_experts,
            top_k,
            size,
            d_out=peer.d_out,
            activation=peer.activation,
            expert=peer.expert,
            gate=gate,
            capacity=capacity,
        ),
    )


def equal_expert_choice(peer: PeerConfig, *, by: str, num_experts: int, capacity_factor: float) -> ExpertChoiceConfig:
    """The expert-choice layer of E experts and a factor whose d_hidden makes it nearest to a PEER layer.

    Args:
        peer, by: as for ``equal_dense``.
        num_experts, capacity_factor: of the layer.

    Raises:
        ConfigError: as ``equal_dense``.

    Example:
        >>> peer = PeerConfig(d_model=256, heads=8, num_experts=1024**2, top_k=16, d_key=128)
        >>> equal_expert_choice(peer, by="active_parameters", num_experts=64, capacity_factor=2).d_hidden
        432
    """
    return _nearest(
        peer,
        by,
        lambda size: ExpertChoiceConfig(
            peer.d_model,
            num_experts,
            size,
            capacity_factor,
            d_out=peer.d_out,
            activation=peer.activation,
            expert=peer.expert,
        ),
    )


def equal_pkm(peer: PeerConfig, *, by: str) -> PKMConfig:
    """The product-key memory with the router of a PEER layer whose k makes it nearest to it.

    Args:
        peer, by: as for ``equal_dense``. All but k is taken over.

    Raises:
        ConfigError: as ``equal_dense``, or all N values have less of the measure than the PEER layer.

    Example:
        >>> peer = PeerConfig(d_model=256, heads=8, num_experts=1024**2, top_k=16, d_key=128)
        >>> equal_pkm(peer, by="active_parameters").top_k
        32
    """
    return _nearest(
        peer,
        by,
        lambda k: PKMConfig(
            peer.d_model,
            peer.heads,
            peer.num_experts,
            k,
            peer.d_key,
            d_out=peer.d_out,
            query_bias=peer.query_bias,
            key_heads=peer.key_heads,
            gate=peer.gate,
            query_norm=peer.query_norm,
        ),
        most=peer.num_experts,
    )


def _nearest(peer: PeerConfig, by: str, make: Callable[[int], Config], most: int | None = None) -> Config:
    """The configuration whose size, from 1 to ``most``, brings the measure nearest to that of the PEER layer."""
    require_option("CMP-8", "by", by, MEASURES)
    target = getattr(cost(peer), by)

    def measure(size: int) -> int:
        found: int = getattr(comparison_cost(make(min(size, most or size))), by)
        return found

    if measure(1) > target or (most is not None and measure(most) < target):
        bound = f"at least {measure(1)}" if measure(1) > target else f"at most {measure(most or 1)}"
        raise ConfigError(
            f"a layer with {by} of {target}, as this PEER layer has, does not exist: {type(make(1)).__name__} has "
            f"{bound}; choose fewer or more experts (CMP-8)"
        )
    above = _first(measure, target)  # not more than ``most``
    below = measure(max(1, above - 1))
    return make(_first(measure, below) if target - below <= measure(above) - target else above)


def _first(measure: Callable[[int], int], least: int) -> int:
    """The least size, from 1, whose measure is at least ``least``; measures do not fall as the size grows."""
    low, high = 0, 1
    while measure(high) < least:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if measure(middle) >= least else (middle, high)
    return high
