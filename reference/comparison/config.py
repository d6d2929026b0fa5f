"""The configurations of the layers that PEER is compared with, and the shapes of their parameters (chapter 15)."""

from __future__ import annotations

from dataclasses import KW_ONLY, asdict, dataclass
from fractions import Fraction
from typing import ClassVar

from peerspec.files.shown import shown
from peerspec.reference.comparison.capacity import decimals_of, slots_per_expert
from peerspec.reference.comparison.fields import (
    Fields,
    require_activation_and_expert,
    require_counts,
    require_option,
)
from peerspec.reference.config import PeerConfig
from peerspec.reference.errors import ConfigError

__all__ = [
    "COMPARISON_CONFIGS",
    "TOKEN_CHOICE_GATES",
    "ComparisonConfig",
    "DenseConfig",
    "ExpertChoiceConfig",
    "MixtureConfig",
    "PKMConfig",
    "TokenChoiceConfig",
]

TOKEN_CHOICE_GATES = ("softmax_before", "softmax_after")
"""The softmax is taken over all experts before the selection, or over the selected ones after it (TCM-4)."""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class DenseConfig(Fields):
    """The configuration of a dense feed-forward block.

    Args:
        d_model: D, the width of a token.
        d_hidden: H, the number of hidden neurons.
        d_out: M, the width of the output; D by default.
        activation: σ, one of ``ACTIVATIONS``.
        expert: ``mlp`` or ``glu``, the form of a neuron (EXP-1, EXP-2).

    Raises:
        ConfigError: a value outside DNS-1.

    Example:
        >>> DenseConfig(d_model=4, d_hidden=8).shapes()
        {'u': (8, 4), 'v': (8, 4)}
    """

    kind: ClassVar[str] = "dense"
    """The profile of these layers (CNF-1)."""
    d_model: int
    d_hidden: int
    _: KW_ONLY
    d_out: int = None  # type: ignore[assignment]  # None means D; __post_init__ replaces it, so that readers see an int
    activation: str = "gelu"
    expert: str = "mlp"

    def __post_init__(self) -> None:
        if self.d_out is None:
            object.__setattr__(self, "d_out", self.d_model)
        require_counts("DNS-1", d_model=self.d_model, d_hidden=self.d_hidden, d_out=self.d_out)
        require_activation_and_expert(self.activation, self.expert)

    def shapes(self) -> Shapes:
        """The shape of every parameter by name, in the order of the table in DNS-2."""
        return _neurons("", (self.d_hidden,), self)


@dataclass(frozen=True)
class TokenChoiceConfig(Fields):
    """The configuration of a mixture of experts in which each token chooses its experts.

    Args:
        d_model: D, the width of a token.
        num_experts: E, the number of experts.
        top_k: k, the experts that a token chooses, 1 ≤ k ≤ E.
        d_hidden: H, the number of hidden neurons of an expert.
        d_out: M, the width of the output; D by default.
        activation: σ, one of ``ACTIVATIONS``.
        expert: ``mlp`` or ``glu``, the form of a neuron.
        gate: one of ``TOKEN_CHOICE_GATES``.
        capacity: the most tokens that an expert takes in a call, or None for any number; ``capacity_of`` gives that of
            a factor.

    Raises:
        ConfigError: a value outside TCM-1.

    Example:
        >>> TokenChoiceConfig(d_model=4, num_experts=3, top_k=2, d_hidden=8).shapes()
        {'router.weight': (3, 4), 'experts.u': (3, 8, 4), 'experts.v': (3, 8, 4)}
    """

    kind: ClassVar[str] = "token-choice"
    """The profile of these layers (CNF-1)."""
    d_model: int
    num_experts: int
    top_k: int
    d_hidden: int
    _: KW_ONLY
    d_out: int = None  # type: ignore[assignment]
    activation: str = "gelu"
    expert: str = "mlp"
    gate: str = "softmax_after"
    capacity: int | None = None

    def __post_init__(self) -> None:
        if self.d_out is None:
            object.__setattr__(self, "d_out", self.d_model)
        require_counts(
            "TCM-1",
            d_model=self.d_model,
            num_experts=self.num_experts,
            top_k=self.top_k,
            d_hidden=self.d_hidden,
            d_out=self.d_out,
        )
        if self.top_k > self.num_experts:
            raise ConfigError(f"top_k must lie in 1..num_experts = 1..{self.num_experts}, got {self.top_k} (TCM-1)")
        if self.capacity is not None:
            require_counts("TCM-1", capacity=self.capacity)
        require_activation_and_expert(self.activation, self.expert)
        require_option("TCM-1", "gate", self.gate, TOKEN_CHOICE_GATES)

    def shapes(self) -> Shapes:
        """The shape of every parameter by name, in the order of the table in TCM-2."""
        return _mixture(self)


@dataclass(frozen=True)
class ExpertChoiceConfig(Fields):
    """The configuration of a mixture of experts in which each expert chooses its tokens.

    Args:
        d_model: D, the width of a token.
        num_experts: E, the number of experts.
        d_hidden: H, the number of hidden neurons of an expert.
        capacity_factor: f, the experts that compute a token on average, 0 < f ≤ E, with at most four decimals.
        d_out: M, the width of the output; D by default.
        activation: σ, one of ``ACTIVATIONS``.
        expert: ``mlp`` or ``glu``, the form of a neuron.

    Raises:
        ConfigError: a value outside XCM-1.

    Example:
        >>> ExpertChoiceConfig(d_model=4, num_experts=8, d_hidden=8, capacity_factor=1.25).capacity(100)
        16
    """

    kind: ClassVar[str] = "expert-choice"
    """The profile of these layers (CNF-1)."""
    d_model: int
    num_experts: int
    d_hidden: int
    capacity_factor: float
    _: KW_ONLY
    d_out: int = None  # type: ignore[assignment]
    activation: str = "gelu"
    expert: str = "mlp"

    def __post_init__(self) -> None:
        if self.d_out is None:
            object.__setattr__(self, "d_out", self.d_model)
        require_counts(
            "XCM-1", d_model=self.d_model, num_experts=self.num_experts, d_hidden=self.d_hidden, d_out=self.d_out
        )
        object.__setattr__(self, "capacity_factor", float(decimals_of(self.capacity_factor, "XCM-1")))
        if self.capacity_factor > self.num_experts:
            raise ConfigError(
                f"capacity_factor must be at most num_experts = {self.num_experts}, because an expert chooses a token "
                f"once, got {shown(self.capacity_factor)} (XCM-1)"
            )
        require_activation_and_expert(self.activation, self.expert)

    def capacity(self, counted: int) -> int:
        """The tokens that each expert chooses among ``counted`` ones, ⌈counted·f/E⌉ (XCM-4)."""
        return slots_per_expert(counted, self.share)

    @property
    def share(self) -> Fraction:
        """f/E: the share of the tokens that an expert computes."""
        return decimals_of(self.capacity_factor, "XCM-1") / self.num_experts

    def shapes(self) -> Shapes:
        """The shape of every parameter by name, in the order of the table in TCM-2."""
        return _mixture(self)


@dataclass(frozen=True)
class PKMConfig(Fields):
    """The configuration of a product-key memory: the retrieval of PEER over rows of values.

    Args:
        d_model, heads, num_experts, top_k, d_key, d_out, query_bias, key_heads, gate, query_norm: as those of
            ``PeerConfig``; a row of values is an expert.

    Raises:
        ConfigError: a value outside CFG-1 … CFG-5.

    Example:
        >>> PKMConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4).shapes()["values"]
        (9, 4)
    """

    kind: ClassVar[str] = "pkm"
    """The profile of these layers (CNF-1)."""
    d_model: int
    heads: int
    num_experts: int
    top_k: int
    d_key: int
    _: KW_ONLY
    d_out: int = None  # type: ignore[assignment]
    query_bias: bool = False
    key_heads: int = 1
    gate: str = "softmax"
    query_norm: str = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "d_out", self.retrieval.d_out)

    @property
    def retrieval(self) -> PeerConfig:
        """The configuration of the PEER layers that retrieve alike (PKM-1)."""
        return PeerConfig(**asdict(self))

    @property
    def n(self) -> int:
        """Sub-keys per half, √N."""
        return self.retrieval.n

    def shapes(self) -> Shapes:
        """The shape of every parameter by name, in the order of the table in PKM-2."""
        router = {name: shape for name, shape in self.retrieval.shapes().items() if not name.startswith("experts.")}
        return router | {"values": (self.num_experts, self.d_out)}


MixtureConfig = TokenChoiceConfig | ExpertChoiceConfig
"""Configurations with a router over dense blocks."""
ComparisonConfig = DenseConfig | TokenChoiceConfig | ExpertChoiceConfig | PKMConfig
"""The configurations of this chapter."""
COMPARISON_CONFIGS: dict[str, type[ComparisonConfig]] = {
    config.kind: config for config in (DenseConfig, TokenChoiceConfig, ExpertChoiceConfig, PKMConfig)
}
"""The class of the configuration by profile."""


def _mixture(config: MixtureConfig) -> Shapes:
    experts = _neurons("experts.", (config.num_experts, config.d_hidden), config)
    return {"router.weight": (config.num_experts, config.d_model), **experts}


def _neurons(prefix: str, lead: tuple[int, ...], config: DenseConfig | MixtureConfig) -> Shapes:
    """The rows of neurons: in, out, and with GLU the second one in."""
    rows = {"u": config.d_model, "v": config.d_out} | ({"w": config.d_model} if config.expert == "glu" else {})
    return {f"{prefix}{name}": (*lead, width) for name, width in rows.items()}
