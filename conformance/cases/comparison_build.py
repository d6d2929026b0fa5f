"""How the cases of chapter 15 are built: a definition, and tensors of small integers or of full significands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, ComparisonCase, Draw, balanced_exponent
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.inputs import rounded
from peerspec.reference import Precision
from peerspec.reference.comparison import ComparisonConfig, ComparisonLayer

__all__ = ["ComparisonDefinition", "Data"]

Change = Callable[[dict[str, Any]], None]
"""Changes the tensors of a case in place, by parameter name, and x, dy and mask by theirs."""


@dataclass(frozen=True)
class Data:
    """What a case holds beside its configuration.

    Attributes:
        lead: the leading axes of x.
        exact: small integers, so that no sum before a softmax is rounded.
        dy: whether there are upstream gradients.
        masked: whether every third token does not count.
        training: the mode.
        layout: the memory layout of all arrays.
        change: a last change.
    """

    lead: tuple[int, ...] = (12,)
    exact: bool = False
    dy: bool = True
    masked: bool = False
    training: bool = False
    layout: str = "rows"
    change: Change | None = None


@dataclass(frozen=True)
class ComparisonDefinition:
    """How a case of a layer of chapter 15 is built, and where it is used.

    Attributes:
        label: the rest of the name, which is ``<profile>.<label>``.
        layer_config: the configuration; its kind is the profile.
        data: what else it holds.
        size: the smallest size that includes it: 0 minimal, 1 default, 2 full.
        everywhere: the smallest size that runs it in every precision and not only in the first one claimed.
        narrow: the same for the precisions with tokens of 16 bits.
        followed: whether one change after the other is made to it, and what follows is judged.
    """

    label: str
    layer_config: ComparisonConfig
    data: Data = field(default_factory=Data)
    size: int = 1
    everywhere: int = 2
    narrow: int = 2
    followed: bool = False

    @property
    def name(self) -> str:
        """The unique name."""
        return f"{self.layer_config.kind}.{self.label}"

    @property
    def tags(self) -> frozenset[str]:
        """The tags of the checks that use it: the profile, alone and with what some checks need."""
        kind, data = self.layer_config.kind, self.data
        needs = {"exact": data.exact, "training": data.training, "gradients": data.dy, "follow": self.followed}
        return frozenset({kind, *(f"{kind}.{need}" for need, met in needs.items() if met)})

    def make(self, precision: Precision, seed: int) -> ComparisonCase:
        """Build the case for one precision and one seed."""
        config, data, draw = self.layer_config, self.data, Draw(self.name, seed, precision.parameters)
        parts: dict[str, Any] = _parameters(draw, config, exact=data.exact)
        parts["x"] = _array(draw, "x", (*data.lead, config.d_model), exact=data.exact)
        if data.dy:
            parts["dy"] = _array(draw, "dy", (*data.lead, config.d_out), exact=data.exact)
        if data.masked:
            parts["mask"] = (np.arange(prod(data.lead)) % 3 != 1).reshape(data.lead)
        if data.change:
            data.change(parts)
        parts |= {name: _rounded(parts[name], precision.input) for name in ("x", "dy") if name in parts}
        arrays = {name: laid_out(array, data.layout) for name, array in parts.items()}
        x, mask, dy = arrays.pop("x"), arrays.pop("mask", None), arrays.pop("dy", None)
        layer = ComparisonLayer(config, arrays)
        return ComparisonCase(self.name, data.exact, layer, x, mask, data.training, dy)


def _parameters(draw: Draw, config: ComparisonConfig, *, exact: bool) -> dict[str, Array]:
    """As those of PEER: integers, or numbers that give logits, scores and inner products deviations of about one."""
    shapes = config.shapes()
    if exact:
        bits = {name: _BITS.get(_last(name), (2, 1)) for name in shapes}
        return {name: draw.of(name).coarse(name, shape, *bits[name]) for name, shape in shapes.items()}
    inner = {"weight": 0, "u": 1, "w": 1, "keys": 0}
    params = {}
    for name, shape in shapes.items():
        more = inner.get(_last(name))
        exponent = 0 if more is None else balanced_exponent(shape[-1]) + more
        params[name] = draw.of(name).full(name, shape, exponent)
    if "query_norm.var" in params:
        params["query_norm.var"] = np.abs(params["query_norm.var"]) + params["query_norm.var"].dtype.type(2.0**-4)
    return params


_BITS = {"v": (3, 2), "values": (3, 2), "keys": (2, -3)}
"""Bits and exponents of integers that are not −2 … 1."""


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _array(draw: Draw, name: str, shape: tuple[int, ...], *, exact: bool) -> Array:
    return draw.coarse(name, shape, 3, 2) if exact else draw.full(name, shape)


def _rounded(array: Array, dtype: np.dtype[Any]) -> Array:
    return array if array.dtype == dtype else rounded(array, dtype)
