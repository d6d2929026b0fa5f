"""A case in a line of JSON: what an explored case is made of, small enough to stand in a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Case, Draw
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.conformance.trials.single_check import Halves
from peerspec.reference import Layer, PeerConfig, PeerError

__all__ = ["HalvesRecipe", "LayerRecipe", "Recipe", "read_recipe"]

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class LayerRecipe:
    """A configuration and leading axes, filled as the fixed cases are from the inputs of SPEC.md (INP-1, INP-2).

    Attributes:
        config, lead: what is filled; the tensors are named ``explore/<tensor>``.
        seed: of the inputs.
        exact: whether with few bits, so that sums are exact, or with full significands.
        masked: whether some tokens do not count; the first one does.
        training: whether ``forward`` is asked for training mode.
    """

    config: PeerConfig
    lead: tuple[int, ...]
    seed: int
    exact: bool = False
    masked: bool = False
    training: bool = False

    def make(self, dtype: np.dtype[Any]) -> Case:
        """The case, in the format of the input."""
        draw, config = Draw("explore", self.seed, dtype), self.config
        params = (exact_params if self.exact else full_params)(draw, config)
        x = tokens(draw, (*self.lead, config.d_model), exact=self.exact)
        dy = draw.coarse("dy", (*self.lead, config.d_out), 3, 2)
        mask = None
        if self.masked:
            mask = draw.coarse("mask", self.lead, 1, 0) < 0
            mask.reshape(-1)[:1] = True
        return Case("explored", self.exact, Layer(config, params), x, mask, self.training, dy)

    def to_json(self) -> str:
        """The recipe in a line."""
        fields = {name: getattr(self, name) for name in ("lead", "seed", "exact", "masked", "training")}
        return json.dumps({"config": json.loads(self.config.to_json())} | fields)

    def __str__(self) -> str:
        c = self.config
        widths = f"D={c.d_model} M={c.d_out} h={c.heads} n={c.n} k={c.top_k} d={c.d_key}"
        options = [c.activation, *(word for word, used in self._options().items() if used)]
        return f"{widths}, {', '.join(options)}, x of shape {(*self.lead, c.d_model)}"

    def _options(self) -> dict[str, bool]:
        c = self.config
        return {
            "sigmoid": c.gate == "sigmoid",
            "GLU": c.expert == "glu",
            f"query norm {c.query_norm}": c.query_norm != "none",
            "query bias": c.query_bias,
            "keys per head": c.key_heads > 1,
            "exact": self.exact,
            "masked": self.masked,
            "training": self.training,
        }


@dataclass(frozen=True)
class HalvesRecipe:
    """Half scores written out, one row per token and head."""

    scores1: Rows
    scores2: Rows
    k: int

    def make(self, dtype: np.dtype[Any]) -> Halves:
        """The half scores, in the compute dtype."""
        return Halves("explored", np.array(self.scores1, dtype), np.array(self.scores2, dtype), self.k)

    def to_json(self) -> str:
        """The recipe in a line."""
        return json.dumps({"scores1": self.scores1, "scores2": self.scores2, "k": self.k})

    def __str__(self) -> str:
        shape = (len(self.scores1), len(self.scores1[0]))
        values = f", {[*self.scores1[0]]} and {[*self.scores2[0]]}" if prod(shape) <= 4 else ""
        return f"k={self.k}, half scores of shape {shape}{values}"


Recipe = LayerRecipe | HalvesRecipe


def read_recipe(text: str) -> Recipe:
    """Read what ``to_json`` wrote.

    Raises:
        PeerError: it was something else.
    """
    try:
        found = json.loads(text)
        if "config" in found:
            config = PeerConfig.from_json(json.dumps(found.pop("config")))
            return LayerRecipe(config, tuple(found.pop("lead")), **found)
        first, second = (tuple(map(tuple, found[name])) for name in ("scores1", "scores2"))
        return HalvesRecipe(first, second, found["k"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PeerError(f"{text[:60]!r} is no recipe of a case ({error}); pass one that a report holds") from None
