"""The checks that apply to an explored case."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from math import prod

from peerspec.conformance.cases.entries import Data
from peerspec.conformance.cases.recipe import HalvesRecipe, LayerRecipe, Mask, Memory, Recipe
from peerspec.conformance.check import Check
from peerspec.conformance.checks.evidence import sound
from peerspec.conformance.checks.forms import FORM_CHECKS
from peerspec.conformance.checks.gates import GATE_CHECKS, examine_gates
from peerspec.conformance.checks.gradients import GRADIENT_CHECKS
from peerspec.conformance.checks.independence import FINITE_CHECKS, FINITE_NORM_CHECKS, INDEPENDENCE_CHECKS
from peerspec.conformance.checks.mode import MODE_CHECKS
from peerspec.conformance.checks.output import OUTPUT_CHECKS
from peerspec.conformance.checks.profiles import PROFILE_CHECKS
from peerspec.conformance.checks.scores import SCORE_CHECKS
from peerspec.conformance.checks.select import SELECT_CHECKS
from peerspec.conformance.checks.selection import SELECTION_CHECKS
from peerspec.conformance.checks.structure import STRUCTURE_CHECKS
from peerspec.conformance.kinds import TrialKind

__all__ = ["EXPLORED_CHECKS", "applicable_checks"]

_CHECKS = {
    check.id: check
    for checks in (
        STRUCTURE_CHECKS,
        INDEPENDENCE_CHECKS,
        FORM_CHECKS,
        SCORE_CHECKS,
        SELECTION_CHECKS,
        SELECT_CHECKS,
        GATE_CHECKS,
        MODE_CHECKS,
        OUTPUT_CHECKS,
        FINITE_CHECKS,
        FINITE_NORM_CHECKS,
        PROFILE_CHECKS,
        GRADIENT_CHECKS,
    )
    for check in checks
}
# in fixed cases the check of sigmoid examines y, too, which in a drawn case may be wrong for another reason
_CHECKS["gates.sigmoid"] = replace(_CHECKS["gates.sigmoid"], examine=sound(examine_gates), needs_routing=True)
EXPLORED_CHECKS = tuple(_CHECKS.values())
"""The checks that may apply."""


def applicable_checks(
    trial: TrialKind, recipe: Recipe, claimed: Collection[str], *, repeats: bool = False
) -> Iterator[Check]:
    """The checks for a recipe, in the order of the stages.

    Args:
        trial: the kind of trial that is explored.
        recipe: the case.
        claimed: the profiles that the backend claims.
        repeats: whether calls are repeated too.
    """
    if isinstance(recipe, HalvesRecipe):
        names = ["select.ids", "select.scores"]
    elif trial is TrialKind.GRADIENTS:
        names = [*_gradients(recipe), *(["gradients.repeat"] if repeats else [])]
    else:
        names = _layer(recipe, ordered=recipe.exact and "select" in claimed)
        names[2:2] = ["independence.repeat"] if repeats and _changes(recipe) else []
    yield from (_CHECKS[name] for name in names)


def _changes(recipe: LayerRecipe) -> bool:
    """Whether tokens times −2 give other scores and another y: not if few features hide the change."""
    config = recipe.config
    wide = min(config.d_model, config.d_key // 2, config.d_out, config.n) >= 4
    return wide and not recipe.training and prod(recipe.lead) > 3 and recipe.data is Data.FULL and not recipe.masked


def _layer(recipe: LayerRecipe, *, ordered: bool) -> list[str]:
    # with batch norm in training, tokens share their statistics
    alone = not (recipe.training and recipe.config.query_norm == "batch")
    count, with_nan = prod(recipe.lead), recipe.mask is Mask.NAN
    formed = recipe.masked or len(recipe.lead) != 1 or recipe.memory is not Memory.ROWS
    gate = "gates.softmax" if recipe.config.gate == "softmax" else "gates.sigmoid"
    return [
        "structure.answer",
        "structure.inputs",
        *(["independence.tokens"] if alone and count > 1 else []),
        *(["structure.forms"] if alone and count and formed else []),
        *(["independence.mode"] if alone and recipe.training else []),
        "scores.rounding",
        "selection.admissible",
        *(["selection.order"] if ordered and not with_nan else []),
        gate,
        "output.sum",
        *([] if alone else ["norm.training"]),
        *((["finite.nan", "finite.others"] if alone else ["norm.nan"]) if with_nan else []),
    ]


def _gradients(recipe: LayerRecipe) -> list[str]:
    norm, parts = recipe.config.query_norm, ["structure", "unselected", "v", "u", "keys", "query", "x"]
    if norm != "none":
        parts.append("norm" if recipe.training or norm == "layer" else "frozen")
    return [f"gradients.{part}" for part in parts]
