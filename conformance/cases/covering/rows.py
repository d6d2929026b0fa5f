"""The rows of the covering array, as cases: ``rows.json`` holds them, ``benchmarks/covering.py`` makes them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from peerspec.conformance.cases.covering.factors import finite
from peerspec.conformance.cases.entries import Data
from peerspec.conformance.cases.options import KEYS_PER_HEAD, OPTIONS
from peerspec.conformance.cases.recipe import LayerRecipe, layer_recipe
from peerspec.conformance.kinds import TrialKind
from peerspec.reference import PeerConfig

__all__ = ["DATA_FILE", "FROZEN", "CoveringCase", "Row", "covering_cases", "projected", "stored_rows"]

FROZEN = "frozen-statistics"
"""The profile of gradients of inference (GRD-9)."""
DATA_FILE = Path(__file__).with_name("rows.json")


@dataclass(frozen=True)
class CoveringCase:
    """A row of the covering array, for a backend with certain claims.

    Attributes:
        name: ``cover.<number>``, and ``.gradients`` behind it.
        recipe: the layer and its input; the seed is that of the run plus the number.
        kind: what is examined.
        size: the smallest size that includes it.
        precisions: the precisions in which this size runs it even if they are not the first one claimed.
    """

    name: str
    recipe: LayerRecipe
    kind: TrialKind
    size: int
    precisions: frozenset[str]

    @property
    def config(self) -> PeerConfig:
        """The configuration."""
        return self.recipe.config


def covering_cases(claimed: Collection[str], *, gradients: bool = False) -> tuple[CoveringCase, ...]:
    """The rows, in the order in which they cover most.

    A row has no option that is not claimed: what is left of a covering array is one of the other factors.
    """
    found: list[CoveringCase] = []
    for number, row in enumerate(stored_rows()):
        recipe, kind, name = projected(row.recipe, claimed), TrialKind.LAYER, f"cover.{number}"
        if gradients:
            if row.gradients is None:
                continue
            recipe, kind, name = for_gradients(recipe, row.gradients, claimed), TrialKind.GRADIENTS, f"{name}.gradients"
        found.append(CoveringCase(name, recipe, kind, row.size, row.precisions))
    return tuple(found)


@dataclass(frozen=True)
class Row:
    """A row as it is stored, with every option.

    Attributes:
        recipe: the layer and its input; the seed is the number of the row.
        gradients: the kind of entries for gradients, which must leave the selection certain; None if no kind does.
        size, precisions: as in ``CoveringCase``.
    """

    recipe: LayerRecipe
    gradients: Data | None
    size: int
    precisions: frozenset[str]

    def to_json(self) -> dict[str, Any]:
        """The row as it is stored."""
        more = {"gradients": self.gradients, "size": self.size, "precisions": sorted(self.precisions)}
        return json.loads(self.recipe.to_json()) | more

    @property
    def gradient_recipe(self) -> LayerRecipe | None:
        """What the gradients of the row are examined on, with every option."""
        return None if self.gradients is None else replace(finite(self.recipe), data=self.gradients)


@cache
def stored_rows() -> tuple[Row, ...]:
    """All rows, in the order in which they cover most."""
    found = enumerate(json.loads(DATA_FILE.read_text("utf-8")))
    return tuple(
        Row(
            replace(layer_recipe(row), seed=number),
            None if row["gradients"] is None else Data(row["gradients"]),
            row["size"],
            frozenset(row["precisions"]),
        )
        for number, row in found
    )


def projected(recipe: LayerRecipe, claimed: Collection[str]) -> LayerRecipe:
    """The recipe with the neutral value of each option whose profile is not claimed.

    Training mode is part of the profile ``training``, and of the query norm ``batch``.
    """
    neutral = {field: values[0] for profile, (field, values) in OPTIONS.items() if profile not in claimed}
    if KEYS_PER_HEAD not in claimed:
        neutral["key_heads"] = 1
    config = replace(recipe.config, **neutral)
    may_train = "training" in claimed or config.query_norm == "batch"
    return replace(recipe, config=config, training=recipe.training and may_train)


def for_gradients(recipe: LayerRecipe, data: Data, claimed: Collection[str]) -> LayerRecipe:
    """The recipe whose gradients are examined; with batch norm in training unless GRD-9 is claimed."""
    frozen = recipe.config.query_norm == "batch" and not recipe.training
    training = recipe.training or (frozen and FROZEN not in claimed)
    return replace(finite(recipe), data=data, training=training)
