"""The checks by which explored cases are judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod

from peerspec.conformance.check import Check
from peerspec.conformance.checks.forms import FORMS
from peerspec.conformance.checks.gates import GATES
from peerspec.conformance.checks.gradients import GRADIENTS
from peerspec.conformance.checks.independence import INDEPENDENCE
from peerspec.conformance.checks.output import OUTPUT
from peerspec.conformance.checks.profiles import PROFILES
from peerspec.conformance.checks.retrieval import RETRIEVAL
from peerspec.conformance.checks.select import SELECT
from peerspec.conformance.checks.structure import STRUCTURE
from peerspec.conformance.explore.recipe import HalvesRecipe, LayerRecipe, Recipe

__all__ = ["checks_within"]

_CHECKS = {
    check.id: check
    for family in (STRUCTURE, INDEPENDENCE, FORMS, RETRIEVAL, SELECT, GATES, OUTPUT, PROFILES, GRADIENTS)
    for check in family
}


def checks_within(tags: Collection[str], recipe: Recipe, claimed: Collection[str]) -> Iterator[Check]:
    """The checks that apply to a recipe, in the order of the stages; ``tags`` tell what is explored."""
    if isinstance(recipe, HalvesRecipe):
        names = ["select.ids", "select.scores"]
    elif "explore.gradients" in tags:
        names = _gradients(recipe)
    else:
        names = _layer(recipe, ordered=recipe.exact and "select" in claimed)
    yield from (_CHECKS[name] for name in names)


def _layer(recipe: LayerRecipe, *, ordered: bool) -> list[str]:
    alone = not recipe.training  # in training, tokens share their statistics
    count = prod(recipe.lead)
    gate = "gates.softmax" if recipe.config.gate == "softmax" else "gates.sigmoid"
    return [
        "structure.answer",
        "structure.inputs",
        *(["independence.tokens"] if alone and count > 1 else []),
        *(["structure.forms"] if alone and count and (recipe.masked or len(recipe.lead) != 1) else []),
        *(["norm.training"] if recipe.training else []),
        "scores.rounding",
        "selection.admissible",
        *(["selection.order"] if ordered else []),
        gate,
        "output.sum",
    ]


def _gradients(recipe: LayerRecipe) -> list[str]:
    if recipe.config.query_norm != "none":
        return ["gradients.structure", "gradients.norm"]
    return [f"gradients.{part}" for part in ("structure", "unselected", "v", "u", "keys", "query", "x")]
