"""Recipes: one line of JSON from which a designed or explored case is made, short enough for a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case, Draw, Halves
from peerspec.conformance.cases.entries import DATA, Data, make_entries
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.cases.options import option_words, sizes
from peerspec.conformance.inputs import rounded
from peerspec.reference import Layer, PeerConfig, PeerError, Precision

__all__ = ["HalvesRecipe", "LayerRecipe", "Mask", "Memory", "Recipe", "read_recipe"]

Rows = tuple[tuple[float, ...], ...]


class Mask(StrEnum):
    """Which tokens count."""

    NONE = "none"
    SOME = "some"
    NAN = "nan"
    """As ``SOME``, and a token that does not count holds a NaN."""


class Memory(StrEnum):
    """The order of memory."""

    ROWS = "rows"
    COLUMNS = "columns"
    """x, dy and the mask with the first axis contiguous."""
    GAPS = "gaps"
    """x with unused memory between its rows."""
    TABLES = "tables"
    """Parameters with the first axis contiguous."""
    ALL = "all"
    """``COLUMNS`` and ``TABLES``."""


@dataclass(frozen=True)
class LayerRecipe:
    """A configuration and leading axes; the tensors are filled as in the fixed cases (INP-1, INP-2).

    Attributes:
        config, lead: configuration and leading axes; the tensors are named ``explore/<tensor>``.
        seed: the seed of the inputs.
        data: the kind of entries.
        mask: which tokens count; the first token counts.
        training: whether ``forward`` is called in training mode.
        memory: the order of memory.
    """

    config: PeerConfig
    lead: tuple[int, ...]
    seed: int
    data: Data = Data.FULL
    mask: Mask = Mask.NONE
    training: bool = False
    memory: Memory = Memory.ROWS

    @property
    def exact(self) -> bool:
        """Whether its sums are exact (PRC-5)."""
        return DATA[self.data].exact

    @property
    def masked(self) -> bool:
        """Whether it has a mask."""
        return self.mask is not Mask.NONE

    def make(self, precision: Precision) -> Case:
        """The case in this precision."""
        draw, config = Draw("explore", self.seed, precision.parameters), self.config
        params, x = make_entries(self.data, draw, config, self.lead)
        wide = (*self.lead, config.d_out)
        dy = draw.coarse("dy", wide, 3, 2) if self.data is Data.EXACT else draw.full("dy", wide)
        x, dy = (rounded(array, precision.input) for array in (x, dy))
        mask = self._mask(draw)
        if mask is not None and self.mask is Mask.NAN:
            _mark(x, ~mask)
        parts = self._in_memory({"x": x, "dy": dy, "mask": mask})
        if self.memory in (Memory.TABLES, Memory.ALL):
            params = {name: laid_out(array, "columns") for name, array in params.items()}
        return Case("explored", self.exact, Layer(config, params), training=self.training, **parts)

    def _mask(self, draw: Draw) -> Array | None:
        if not self.masked:
            return None
        mask: Array = draw.coarse("mask", self.lead, 1, 0) < 0
        mask.reshape(-1)[:1] = True
        return mask

    def _in_memory(self, parts: dict[str, Array | None]) -> dict[str, Any]:
        if self.memory is Memory.GAPS and parts["x"] is not None:
            return parts | {"x": laid_out(parts["x"], "gaps")}
        if self.memory in (Memory.COLUMNS, Memory.ALL):
            return {name: None if part is None else laid_out(part, "columns") for name, part in parts.items()}
        return parts

    def to_json(self) -> str:
        """The recipe in one line."""
        names = ("lead", "seed", "data", "mask", "training", "memory")
        fields = {name: getattr(self, name) for name in names}
        return json.dumps({"config": json.loads(self.config.to_json())} | fields)

    def __str__(self) -> str:
        words = [sizes(self.config), *option_words(self.config)]
        words += [f"{self.data} data"] if self.data is not Data.FULL else []
        words += [{Mask.SOME: "masked", Mask.NAN: "masked with NaN"}[self.mask]] if self.masked else []
        words += ["training"] if self.training else []
        words += [f"memory {self.memory}"] if self.memory is not Memory.ROWS else []
        return f"{', '.join(words)}, x of shape {(*self.lead, self.config.d_model)}"


def _mark(x: Array, where: Array) -> None:
    """A NaN in the last feature of the first token ``where``, if there is one."""
    rows = x.reshape(-1, x.shape[-1])
    rows[np.flatnonzero(where)[:1], -1] = np.nan


@dataclass(frozen=True)
class HalvesRecipe:
    """The half scores themselves, one row per token and head."""

    scores1: Rows
    scores2: Rows
    k: int

    def make(self, precision: Precision) -> Halves:
        """The half scores in the compute dtype."""
        scores1, scores2 = (np.array(rows, precision.compute) for rows in (self.scores1, self.scores2))
        return Halves("explored", scores1, scores2, self.k)

    def to_json(self) -> str:
        """The recipe in one line."""
        return json.dumps({"scores1": self.scores1, "scores2": self.scores2, "k": self.k})

    def __str__(self) -> str:
        shape = (len(self.scores1), len(self.scores1[0]))
        values = f", {[*self.scores1[0]]} and {[*self.scores2[0]]}" if prod(shape) <= 4 else ""
        return f"k={self.k}, half scores of shape {shape}{values}"


Recipe = LayerRecipe | HalvesRecipe


def read_recipe(text: str) -> Recipe:
    """The recipe in a text that ``to_json`` wrote.

    Raises:
        PeerError: another text.
    """
    try:
        found = json.loads(text)
        if "config" in found:
            return layer_recipe(found)
        first, second = (tuple(map(tuple, found[name])) for name in ("scores1", "scores2"))
        return HalvesRecipe(first, second, found["k"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PeerError(f"{text[:60]!r} is no recipe of a case ({error}); pass a recipe from a report") from None


def layer_recipe(found: dict[str, Any]) -> LayerRecipe:
    """The recipe of a layer from the values of its JSON."""
    config = PeerConfig.from_json(json.dumps(found["config"]))
    return LayerRecipe(
        config,
        tuple(found["lead"]),
        found["seed"],
        Data(found["data"]),
        Mask(found["mask"]),
        training=found["training"],
        memory=Memory(found["memory"]),
    )
