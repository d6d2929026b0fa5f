"""Answers repeat, bit for bit, and follow a change of any entry of the input and of the parameters.

They repeat several times, also after calls for other tokens and another layer. Between two calls of one question and
one with a change, all values lie in the same arrays, so that an answer that is stored by address is found, too. A
change of a whole array, the mode or the mask comes in other arrays as well: an array that is stored changes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case, Halves
from peerspec.conformance.cases.changes import (
    Change,
    changed_inputs,
    changed_mode,
    changed_parameters,
    with_parameters,
)
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, right_after, sound, violated, within
from peerspec.conformance.hosts.arguments import same_bits
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.layer import AGAIN, Trial
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.selection import SelectionTrial
from peerspec.conformance.trials.stale import judged, stale_gradient, stale_part, stale_selection

__all__ = [
    "NUMBER_CHECKS",
    "OPTION_STATE_CHECKS",
    "SELECT_STATE_CHECKS",
    "STATE_CHECKS",
    "gradients_follow",
    "gradients_repeat",
]


def _repeat(trial: Trial) -> Iterator[Evidence]:
    """First with nothing between two calls, then after other tokens, and after another layer of the same shapes."""
    for between in (None, _other_tokens, _other_layer, *[None] * (AGAIN - 1)):
        if between:
            trial.later(between(trial.case))
        part = moved(trial.output, trial.later().output)
        yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)
        if part:
            return


MORE_TOKENS = 2
"""Few more, so that a program compiled for the next power of two answers these calls, too."""


def _other_numbers_of_tokens(trial: Trial) -> Iterator[Evidence]:
    """A few tokens more than before, which must all be answered; then the case again."""
    case = trial.case
    if case.x.ndim < 2:
        return
    trial.answer  # noqa: B018 - the call for fewer tokens comes first
    for count in range(1, MORE_TOKENS + 1):
        x = np.concatenate([case.x, case.x[:count] * case.x.dtype.type(-2)])
        mask = None if case.mask is None else np.concatenate([case.mask, case.mask[:count]])
        longer = trial.later(replace(case, x=x, mask=mask, dy=None))
        rows = longer.finite if longer.shows_routing else longer.finite & longer.certain_for_all
        where = np.broadcast_to(rows[:, None], longer.returned_y.shape)
        yield from within(f"y of {len(longer.tokens)} tokens", longer.returned_y, longer.y, where)
    part = moved(trial.output, trial.later().output)
    yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)


def _other_tokens(case: Case) -> Case:
    """x and dy times −2."""
    changed = replace(case, x=case.x * case.x.dtype.type(-2))
    return changed if case.dy is None else replace(changed, dy=case.dy * case.dy.dtype.type(-2))


def _far_tokens(case: Case) -> Case:
    """x and dy so large that sums overflow: what overflowed must not stay."""
    far = case.x.dtype.type(2.0 ** (12 if case.x.dtype == np.float16 else 100))
    return replace(case, x=case.x * far, dy=None if case.dy is None else case.dy * far)


def _other_layer(case: Case) -> Case:
    """Parameters times −2; a variance, which is not negative, times 4."""
    params = case.layer.params.items()
    return with_parameters(case, **{name: _scaled(name, array) for name, array in params})


def _scaled(name: str, array: Array) -> Array:
    return array * array.dtype.type(4 if name == "query_norm.var" else -2)


def _inputs(trial: Trial) -> Iterator[Evidence]:
    yield from _follow(trial, [*_other_inputs(trial), *changed_inputs(trial.case)])


def _other_inputs(trial: Trial) -> Iterator[Change]:
    """All tokens, then all but the first or the last one, times −2."""
    case, other, last = trial.case, _other_tokens(trial.case), len(trial.tokens) - 1
    yield "x", other
    for kept in (0, last) if last > 0 else ():
        same = (np.arange(last + 1) == kept).reshape(*trial.lead, 1)
        yield f"x without token {kept}", replace(case, x=np.where(same, case.x, other.x))


def _parameters(trial: Trial) -> Iterator[Evidence]:
    whole = [(name, with_parameters(trial.case, **{name: _scaled(name, array)})) for name, array in _params(trial)]
    yield from _follow(trial, whole, in_place=False)
    yield from _follow(trial, [*whole, *changed_parameters(trial.case, trial.ids)])


def _params(trial: Trial) -> Iterable[tuple[str, Array]]:
    return trial.case.layer.params.items()


def _options(trial: Trial) -> Iterator[Evidence]:
    yield from _parameters(trial)
    for in_place in (True, False):
        yield from _follow(trial, changed_mode(trial.case), in_place=in_place)


def _follow(trial: Trial, changes: Iterable[Change], *, in_place: bool = True) -> Iterator[Evidence]:
    """Ask the question of the case again, then the same with one change, in the same arrays or in others."""
    for what, case in changes:
        part = moved(trial.output, trial.later(in_place=in_place).output)
        yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)
        after = trial.later(case, in_place=in_place)
        part = stale_part(trial, after)
        yield holds(part is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=part, method="forward")
        for found in judged(trial, after):
            where = np.broadcast_to(found.rows.reshape(-1, *[1] * (found.new.value.ndim - 1)), found.new.value.shape)
            yield from right_after(found.name, what, found.old, found.new, found.got_old, found.got_new, where)


def gradients_repeat(trial: GradientTrial) -> Iterator[Evidence]:
    """Several times, because sums in any order may agree by chance; in between other and far tokens, dy and layer."""
    for between in (_other_tokens, _other_layer, _far_tokens, *[None] * AGAIN):
        if between:
            trial.later(between(trial.case))
        name = moved(trial.returned, trial.later().returned)
        yield holds(name is None, ProblemKind.GRADIENT_NOT_REPEATED, names=[name])
        if name:
            return


def gradients_follow(trial: GradientTrial) -> Iterator[Evidence]:
    """As ``forward`` must, and dy, too."""
    for what, case, in_place in _gradient_changes(trial):
        name = moved(trial.returned, trial.later(in_place=in_place).returned)
        yield holds(name is None, ProblemKind.GRADIENT_NOT_REPEATED, names=[name])
        part = stale_gradient(trial, after := trial.later(case, in_place=in_place))
        if not part and case.dy is trial.case.dy and not same_bits(trial.dy, after.dy):
            part = _stale_for_common_dy(trial, after, in_place=in_place)
        yield holds(part is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=part, method="gradients")
        for name, expected in after.expected.items():
            got = (each.returned[name].reshape(expected.value.shape) for each in (trial, after))
            yield from right_after(f"the gradient of {name}", what, trial.expected[name], expected, *got)


def _stale_for_common_dy(trial: GradientTrial, after: GradientTrial, *, in_place: bool) -> str | None:
    """As ``stale_gradient``, with dy 0 where either selection is not certain: another dy would give other gradients."""
    assert trial.case.dy is not None
    both = (trial.certain & after.certain).reshape(*trial.trial.lead, 1)
    dy = like(trial.case.dy, np.where(both, trial.case.dy, trial.case.dy.dtype.type(0)))
    before, after = (trial.later(replace(each.case, dy=dy), in_place=in_place) for each in (trial, after))
    return stale_gradient(before, after)


def _gradient_changes(trial: GradientTrial) -> Iterator[tuple[str, Case, bool]]:
    """What changes, the case, and whether its arrays are the same."""
    modes = [(what, case) for what, case in changed_mode(trial.case) if case.training]
    inputs = [("x and dy", _other_tokens(trial.case)), ("the parameters", _other_layer(trial.case))]
    changes = [*inputs, *changed_inputs(trial.case), *changed_parameters(trial.case, trial.trial.ids), *modes]
    yield from ((what, case, True) for what, case in changes)
    yield from ((what, case, False) for what, case in [*inputs, *modes])


def _select_repeat(trial: SelectionTrial) -> Iterator[Evidence]:
    """Between two calls the half scores times −1, then those with a new best sub-key in the last row."""
    if trial.violation:
        yield violated(trial.violation)
        return
    for what, halves in _other_halves(trial.halves):
        part = moved(trial.selection, trial.later(in_place=True).selection)
        yield holds(part is None, ProblemKind.SELECTION_NOT_REPEATED, part=part)
        stale = stale_selection(trial, trial.later(halves, in_place=True))
        yield holds(not stale, ProblemKind.STALE_FOR_CHANGE, what=what, part="a row of the selection", method="select")


def _other_halves(halves: Halves) -> Iterator[tuple[str, Halves]]:
    yield "the half scores", replace(halves, scores1=-halves.scores1, scores2=-halves.scores2)
    for name in ("scores1", "scores2"):
        half = getattr(halves, name)
        if half.size and half.shape[-1] > 1:
            yield f"the last entry of {name}", _with(halves, name, _with_best(half))
            yield f"the order of two entries of {name}", _with(halves, name, _best_moved(half))


def _with(halves: Halves, name: str, value: Any) -> Halves:
    return replace(halves, **{name: value})


def _with_best(half: Array) -> Array:
    """The last entry of the last row is then the largest."""
    changed = half.copy(order="K")
    last = (*(length - 1 for length in half.shape[:-1]),)
    changed[(*last, -1)] = 2 * np.abs(changed[last]).max() + 1
    return changed


def _best_moved(half: Array) -> Array:
    """The best and the worst sub-key of the first row are exchanged."""
    changed = half.copy(order="K")
    first = (0,) * (half.ndim - 1)
    best, worst = changed[first].argmax(), changed[first].argmin()
    changed[(*first, best)], changed[(*first, worst)] = half[(*first, worst)], half[(*first, best)]
    return changed


STATE_CHECKS = (
    Check(
        "independence.repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        "repeat",
        sound(_repeat),
        "Do equal inputs give equal bits, several times and after other calls?",
    ),
    Check(
        "independence.inputs",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        "follow",
        sound(_inputs),
        "Does the answer follow a change of any entry of x?",
    ),
    Check(
        "independence.parameters",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        "follow",
        sound(_parameters),
        "Does the answer follow a change of any entry of a parameter?",
    ),
)
NUMBER_CHECKS = (
    Check(
        "independence.numbers",
        ("IND-3",),
        Stage.INDEPENDENCE,
        "repeat",
        sound(_other_numbers_of_tokens),
        "Is every token answered, whatever the number of tokens of the calls before?",
    ),
)
"""After all formulas: what is wrong with more tokens alone may be one of these."""
SELECT_STATE_CHECKS = (
    Check(
        "select.repeat",
        ("IND-3", "IND-2", "IND-4"),
        Stage.INDEPENDENCE,
        "select.repeat",
        _select_repeat,
        "Does select() give equal bits for equal half scores, and follow a change of any of them?",
        profile="select",
        trial=TrialKind.SELECTION,
    ),
)
"""Before the order of ``select``, which a stored answer breaks, too."""
OPTION_STATE_CHECKS = (
    Check(
        "independence.options",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        "parameters",
        sound(_options),
        "Does the answer follow a change of a parameter, the mask or the mode if the layer has options?",
    ),
)
"""After the options, because a parameter, a mask or a mode that is ignored breaks the clause of its option."""
