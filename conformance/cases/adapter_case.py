"""A case of the profile ``adapter``: a router as a layer, and beside it what an adapter has more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from peerspec.conformance.cases.case import Array, Case, CaseDefinition, Draw
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.inputs import rounded
from peerspec.reference import Adapter, AdapterConfig, Base, Layer, Precision

__all__ = ["AdapterCase", "AdapterDefinition", "Target", "widths"]


@dataclass(frozen=True, eq=False)
class AdapterCase(Case):
    """A router and its input as a ``Case``, and the rest of an adapter. ``dy`` is None; ``upstream`` is in its place.

    Attributes:
        layer: a layer with the parameters of the router; its experts are zeros.
        rank, alpha: r and α.
        tables: ``targets.<name>.u`` [N, r, D] and ``targets.<name>.v`` [N, r, M_τ].
        bases: the linear map of each target that is not left out.
        upstream: the upstream gradient [..., M_τ] of each base, for cases of the profile ``training``.
    """

    rank: int = 1
    alpha: float = 1.0
    tables: Mapping[str, Array] = field(default_factory=dict)
    bases: Mapping[str, Base] = field(default_factory=dict)
    upstream: Mapping[str, Array] = field(default_factory=dict)

    @property
    def adapter(self) -> Adapter:
        """The adapter."""
        c = self.layer.config
        options = {"query_bias": c.query_bias, "key_heads": c.key_heads, "gate": c.gate, "query_norm": c.query_norm}
        config = AdapterConfig(
            c.d_model, c.heads, c.num_experts, c.top_k, c.d_key,
            targets=widths(self.tables), rank=self.rank, alpha=self.alpha, **options,  # type: ignore[arg-type]
        )  # fmt: skip
        router = {name: array for name, array in self.layer.params.items() if not name.startswith("experts.")}
        return Adapter(config, router | dict(self.tables))

    def with_router(self, **params: Array) -> AdapterCase:
        """The case with other values of some parameters of the router."""
        return replace(self, layer=Layer(self.layer.config, dict(self.layer.params) | params))


def widths(tables: Mapping[str, Array]) -> dict[str, int]:
    """M_τ by target, in the order of the tables."""
    return {name.split(".")[1]: array.shape[-1] for name, array in tables.items() if name.endswith(".v")}


@dataclass(frozen=True)
class Target:
    """A target of a case: its name, M_τ, whether its base has a bias, and whether it is left out."""

    name: str
    width: int
    bias: bool = False
    left_out: bool = False


@dataclass(frozen=True)
class AdapterDefinition(CaseDefinition):
    """A ``CaseDefinition`` of an adapter; ``config`` is that of the router as a layer.

    Attributes:
        targets, rank, alpha: what the adapter has besides a router.
        columns: whether tables, bases, x and dy lie in memory with the first axis contiguous.
    """

    targets: tuple[Target, ...] = ()
    rank: int = 1
    alpha: float = 1.0
    columns: bool = False

    def make(self, precision: Precision, seed: int) -> AdapterCase:
        """Build the case as ``CaseDefinition`` does; bases and dy are rounded to the dtype of x."""
        parts = self.build(Draw(self.name, seed, precision.parameters), self.config)
        place = partial(laid_out, where="columns" if self.columns else "rows")

        def narrow(array: Any) -> Any:
            return None if array is None else place(rounded(array, precision.input))

        return AdapterCase(
            self.name,
            self.exact,
            Layer(self.config, parts["params"]),
            narrow(parts["x"]),
            training=parts["training"],
            rank=self.rank,
            alpha=self.alpha,
            tables={name: place(table) for name, table in parts["tables"].items()},
            bases={name: Base(*map(narrow, base)) for name, base in parts["bases"].items()},
            upstream={name: narrow(dy) for name, dy in parts["upstream"].items()},
        )
