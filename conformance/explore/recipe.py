"""Recipes: one line of JSON from which an explored case is made, short enough for a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod

import numpy as np

from peerspec.conformance.cases.case import Case, Draw, Halves
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.conformance.cases.options import option_words, sizes
from peerspec.conformance.inputs import rounded
from peerspec.reference import Layer, PeerConfig, PeerError, Precision

__all__ = ["HalvesRecipe", "LayerRecipe", "Recipe", "read_recipe"]

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class LayerRecipe:
    """A configuration and leading axes; the tensors are filled as in the fixed cases (INP-1, INP-2).

    Attributes:
        config, lead: configuration and leading axes; the tensors are named ``explore/<tensor>``.
        seed: the seed of the inputs.
        exact: whether entries have few bits, so that sums are exact, or full significands.
        masked: whether some tokens do not count; the first token counts.
        training: whether ``forward`` is called in training mode.
    """

    config: PeerConfig
    lead: tuple[int, ...]
    seed: int
    exact: bool = False
    masked: bool = False
    training: bool = False

    def make(self, precision: Precision) -> Case:
        """The case in this precision."""
        draw, config = Draw("explore", self.seed, precision.parameters), self.config
        params = (exact_params if self.exact else full_params)(draw, config)
        x = tokens(draw, (*self.lead, config.d_model), exact=self.exact)
        dy = draw.coarse("dy", (*self.lead, config.d_out), 3, 2)
        mask = None
        if self.masked:
            mask = draw.coarse("mask", self.lead, 1, 0) < 0
            mask.reshape(-1)[:1] = True
        x, dy = (rounded(array, precision.input) for array in (x, dy))
        return Case("explored", self.exact, Layer(config, params), x, mask, self.training, dy)

    def to_json(self) -> str:
        """The recipe in one line."""
        fields = {name: getattr(self, name) for name in ("lead", "seed", "exact", "masked", "training")}
        return json.dumps({"config": json.loads(self.config.to_json())} | fields)

    def __str__(self) -> str:
        modes = [name for name in ("exact", "masked", "training") if getattr(self, name)]
        words = [sizes(self.config), *option_words(self.config), *modes]
        return f"{', '.join(words)}, x of shape {(*self.lead, self.config.d_model)}"


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
            config = PeerConfig.from_json(json.dumps(found.pop("config")))
            return LayerRecipe(config, tuple(found.pop("lead")), **found)
        first, second = (tuple(map(tuple, found[name])) for name in ("scores1", "scores2"))
        return HalvesRecipe(first, second, found["k"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PeerError(f"{text[:60]!r} is no recipe of a case ({error}); pass a recipe from a report") from None
