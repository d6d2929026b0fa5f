"""Adapters that each token picks at run time, beside linear maps that stay as they are (SPEC.md, chapter 14)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import DTypeLike, NDArray

from peerspec.files.shown import shown
from peerspec.files.strict_json import parse_json
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import parameter_dtype
from peerspec.reference.errors import ConfigError, InputError, TableError
from peerspec.reference.forward import flatten, forward
from peerspec.reference.frozen_map import FrozenMap
from peerspec.reference.initial import initial_scales, normal, random_parameters
from peerspec.reference.layer import Layer
from peerspec.reference.rows import gather_dot, gather_sum
from peerspec.reference.validation import check_values

__all__ = ["Adapter", "AdapterConfig", "AdapterOutput", "Base", "adapt"]

_LARGEST = float(np.finfo(np.float32).max)
"""Of α: the compute dtype of most adapters holds no larger number."""


@dataclass(frozen=True)
class AdapterConfig:
    """The configuration of an adapter (ADP-1).

    Args:
        d_model, heads, num_experts, top_k, d_key, query_bias, key_heads, gate, query_norm: as for ``PeerConfig``.
        targets: M_τ, the width of the output of each linear map, by its name.
        rank: r, the rows of u and of v that an expert has for each target.
        alpha: α, with which the sum over experts is multiplied, a number that is finite in float32.

    Raises:
        ConfigError: a value outside CFG-1 … CFG-5 or ADP-1.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 8, "v": 6}, rank=2)
        >>> config.shapes()["targets.v.v"]
        (16, 2, 6)
    """

    d_model: int
    heads: int
    num_experts: int
    top_k: int
    d_key: int
    _: KW_ONLY
    targets: Mapping[str, int]
    rank: int = 1
    alpha: float = 1.0
    query_bias: bool = False
    key_heads: int = 1
    gate: str = "softmax"
    query_norm: str = "none"
    router: PeerConfig = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "router", self._router(1))
        if not isinstance(self.targets, Mapping) or not self.targets:
            raise ConfigError(f"targets must map at least one name to a width, got {shown(self.targets)} (ADP-1)")
        for name, width in self.targets.items():
            if not isinstance(name, str) or not name or "." in name:
                raise ConfigError(f"the name of a target must be a text without dots, got {shown(name)} (ADP-1)")
            self._router(width)
        object.__setattr__(self, "targets", FrozenMap(self.targets))
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 1:
            raise ConfigError(f"rank must be a whole number of at least 1, got {shown(self.rank)} (ADP-1)")
        number = isinstance(self.alpha, int | float) and not isinstance(self.alpha, bool)
        if not number or not abs(self.alpha) <= _LARGEST:
            raise ConfigError(f"alpha must be a number that is finite in float32, got {shown(self.alpha)} (ADP-1)")

    def to_json(self) -> str:
        """The configuration as a JSON object, every field written out."""
        return json.dumps(self.to_fields())

    def to_fields(self) -> dict[str, Any]:
        """The entries of this JSON object."""
        values = {part.name: getattr(self, part.name) for part in fields(self) if part.init}
        return values | {"targets": dict(self.targets)}

    @classmethod
    def from_json(cls, text: str) -> AdapterConfig:
        """The configuration that ``to_json`` wrote.

        Raises:
            ConfigError: not a JSON object, a name given twice, an unknown or missing field, or a value outside
                CFG-1 … CFG-5 or ADP-1.
        """
        try:
            values = parse_json(text)
        except ValueError as error:
            raise ConfigError(f"the configuration of an adapter cannot be read: {error} (ADP-1)") from None
        return cls.from_fields(values)

    @classmethod
    def from_fields(cls, values: Any) -> AdapterConfig:
        """The configuration whose fields are the entries of a JSON object; errors as ``from_json``."""
        known = [part.name for part in fields(cls) if part.init]
        if not isinstance(values, dict) or values.keys() != set(known):
            raise ConfigError(
                f"the configuration of an adapter must have the fields {', '.join(known)}, got {shown(values)} (ADP-1)"
            )
        return cls(**values)

    def _router(self, d_out: Any) -> PeerConfig:
        return PeerConfig(
            self.d_model, self.heads, self.num_experts, self.top_k, self.d_key,
            d_out=d_out, activation="identity", query_bias=self.query_bias, key_heads=self.key_heads,
            gate=self.gate, query_norm=self.query_norm,
        )  # fmt: skip

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter by name: those of the router as in PAR-1, then u and v of each target."""
        size, rank = self.num_experts, self.rank
        router = {name: shape for name, shape in self.router.shapes().items() if not name.startswith("experts.")}
        return router | {
            f"targets.{name}.{table}": (size, rank, width)
            for name, d_out in self.targets.items()
            for table, width in (("u", self.d_model), ("v", d_out))
        }


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter as data; its parameters are checked once, here (ADP-1).

    Args:
        config: the configuration.
        params: finite arrays with the names and shapes of ``config.shapes()``, of the dtypes of PAR-5.

    Raises:
        TableError: a name, shape, dtype or value outside ADP-1.
    """

    config: AdapterConfig
    params: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        shapes, got = self.config.shapes(), {name: np.asarray(array) for name, array in self.params.items()}
        if got.keys() != shapes.keys():
            wrong = sorted(got.keys() ^ shapes.keys())[0]
            raise TableError(f"an adapter has the parameters {', '.join(shapes)}; {shown(wrong)} is wrong (ADP-1)")
        for name, shape in shapes.items():
            wanted = parameter_dtype(name, got["keys"].dtype)
            if got[name].shape != shape or got[name].dtype != wanted:
                found = f"{got[name].dtype} of shape {got[name].shape}"
                raise TableError(f"{name} must be {wanted} of shape {shape}, got {found} (ADP-1)")
        check_values(got)
        object.__setattr__(self, "params", MappingProxyType({name: got[name] for name in shapes}))

    @classmethod
    def random(cls, config: AdapterConfig, *, seed: int = 0, dtype: DTypeLike = np.float32) -> Adapter:
        """A new adapter that adds nothing: its v are zero, as the second matrix of a LoRA adapter (ADP-4).

        Example:
            >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 8})
            >>> bool(Adapter.random(config).params["targets.q.v"].any())
            False
        """
        dtype, rng = np.dtype(dtype), np.random.default_rng([seed, 1])
        drawn = random_parameters(config.router, seed, dtype)
        scale = initial_scales(config.router)["experts.u"]
        params = {name: array for name, array in drawn.items() if not name.startswith("experts.")}
        for name, shape in config.shapes().items():
            if name not in params:
                params[name] = normal(rng, shape, scale, dtype) if name.endswith(".u") else np.zeros(shape, dtype)
        return cls(config, params)

    def routing_layer(self) -> Layer:
        """The router as a layer: its experts are zero, and its routing is that of the adapter (ADP-2)."""
        shapes, dtype = self.config.router.shapes(), self.params["keys"].dtype
        tables = {name: np.zeros(shapes[name], dtype) for name in ("experts.u", "experts.v")}
        router = {name: array for name, array in self.params.items() if name in shapes}
        return Layer(self.config.router, router | tables)


class Base(NamedTuple):
    """A linear map that stays as it is: y = W x + b.

    Attributes:
        weight: W, [M, D].
        bias: b, [M], or None.
    """

    weight: Shaped[np.ndarray, "M D"]
    bias: Shaped[np.ndarray, " M"] | None = None


class AdapterOutput(NamedTuple):
    """The outputs of all targets, and the routing that they share.

    Attributes:
        y: [..., M_τ] by target.
        scores, indices, gates: [..., h, k].
    """

    y: dict[str, np.ndarray]
    scores: np.ndarray
    indices: np.ndarray
    gates: np.ndarray


def adapt(
    adapter: Adapter,
    bases: Mapping[str, Base],
    x: Shaped[np.ndarray, "*lead D"],
    *,
    training: bool = False,
    dtype: DTypeLike = np.float64,
    indices: Int[np.ndarray, "*lead h k"] | None = None,
) -> AdapterOutput:
    """y_τ = W_τ x + b_τ + α Σ over heads and their k experts of gate · Σ_ρ (u_ρ·x) v_ρ, for each target (ADP-3).

    Args:
        adapter: the adapter.
        bases: the linear map of each target that is wanted; others are left out.
        x: tokens [..., D].
        training, dtype, indices: as for ``forward``.

    Raises:
        InputError: a base of an unknown target or another shape, or as ``forward``.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6})
        >>> base = Base(np.ones((6, 8), np.float32))
        >>> adapt(Adapter.random(config), {"q": base}, np.ones((3, 8), np.float32)).y["q"].tolist()[0]
        [8.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    """
    config, router = adapter.config, adapter.routing_layer()
    _check_bases(config, bases)
    out = forward(router, x, training=training, dtype=dtype, indices=indices)
    tokens, _, lead = flatten(router, x, None)
    tokens = tokens.astype(dtype)
    assert out.indices is not None  # the reference always returns its routing
    assert out.gates is not None
    assert out.scores is not None
    ids, gate = (part.reshape(-1, config.heads, config.top_k) for part in (out.indices, out.gates))
    found = {}
    with np.errstate(invalid="ignore", over="ignore"):
        for name, base in bases.items():
            bias = 0 if base.bias is None else base.bias.astype(dtype)
            change = config.alpha * _change(adapter, name, tokens, ids, gate)
            found[name] = (tokens @ base.weight.astype(dtype).T + bias + change).reshape(*lead, len(base.weight))
    return AdapterOutput(found, out.scores, out.indices, out.gates)


def _change(
    adapter: Adapter, name: str, x: Float[np.ndarray, "T D"], ids: Int[np.ndarray, "T h k"], gate: np.ndarray
) -> Float[np.ndarray, "T M"]:
    """Σ over pairs and ranks: each rank is one expert of its own."""
    u, v = (adapter.params[f"targets.{name}.{table}"] for table in ("u", "v"))
    parts = [gather_sum(v[:, rank], ids, gate * gather_dot(u[:, rank], ids, x)) for rank in range(adapter.config.rank)]
    return np.sum(parts, 0)


def _check_bases(config: AdapterConfig, bases: Mapping[str, Base]) -> None:
    for name, base in bases.items():
        if name not in config.targets:
            raise InputError(f"the adapter has the targets {', '.join(config.targets)}, got {shown(name)} (ADP-1)")
        shape = (config.targets[name], config.d_model)
        if base.weight.shape != shape or (base.bias is not None and base.bias.shape != shape[:1]):
            raise InputError(f"the base of {name} must have a weight of shape {shape}, got {base.weight.shape} (ADP-1)")
