"""The profile ``adapter``: one routing for all targets, beside bases that stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.bits import differing, first_place
from peerspec.conformance.checks.evidence import blocked, holds, right_after, violated, within
from peerspec.conformance.checks.selection import examine_admissible
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.adapter import ROUTING, AdapterTrial
from peerspec.conformance.trials.layer import AGAIN
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.stale import stale_row

__all__ = ["ADAPTER_CHECKS"]

Examine = Callable[[AdapterTrial], Iterator[Evidence]]


def _form(trial: AdapterTrial) -> Iterator[Evidence]:
    yield violated(trial.violation) if trial.violation else Evidence(0.0)


def _sound(examine: Examine) -> Examine:
    """Examine an answer only if its form is right."""

    def examine_sound(trial: AdapterTrial) -> Iterator[Evidence]:
        if trial.violation:
            yield blocked(trial.violation.problem, trial.violation.clause)
            return
        yield from examine(trial)

    return examine_sound


def _routing(trial: AdapterTrial) -> Iterator[Evidence]:
    """Bit for bit that of a layer, if the layer shows its own; the selection is admissible in any case."""
    layer = trial.of_layer
    if layer.structure:
        clause, problem = layer.structure[0]
        yield blocked(problem, clause)
        return
    for part in ROUTING if layer.shows_routing else ():
        ours, theirs = trial.returned[part], getattr(layer.output, part)
        alike = ours.dtype == theirs.dtype
        other = differing(ours, theirs) if alike else np.ones(ours.shape, bool)
        yield holds(not other.any(), ProblemKind.ADAPTED_ROUTING, part=part, at=first_place(other))
    for evidence in examine_admissible(trial.routed):
        yield replace(evidence, clause="ADP-2")


def _y(trial: AdapterTrial) -> Iterator[Evidence]:
    """y of the returned gates, then of the reference's gates on the same ids; without routing, where it is certain."""
    for target in trial.case.bases:
        got, quantity, u = trial.y(target), f"y of {target}", trial.routed.model.u
        if trial.shows_routing:
            yield from within(quantity, got, trial.expected_of_returned[target], u=u)
            yield from within(quantity, got, trial.expected[target], clause="GAT-1", u=u)
        else:
            where = np.broadcast_to(trial.certain[:, None], got.shape)
            yield from within(quantity, got, trial.expected[target], where, u=u)


def _exact(trial: AdapterTrial) -> Iterator[Evidence]:
    for target in trial.case.bases:
        yield from within(f"y of {target}", trial.y(target), trial.expected[target], exact=True)


def _nothing(trial: AdapterTrial) -> Iterator[Evidence]:
    """y where v is zero, where α is zero, and where v is zero in another adapter: always that of the base alone."""
    case = trial.case
    zero = {name: np.zeros_like(part) if name.endswith(".v") else part for name, part in case.tables.items()}
    other = {name: part * part.dtype.type(-2) for name, part in zero.items()}
    keys = case.layer.params["keys"]
    first = trial.later(replace(case, tables=zero))
    yield from _within_base(first)
    changes = {
        "where alpha is 0": replace(case, alpha=0.0),
        "where v is zero in another adapter": replace(case, tables=other, alpha=-2 * case.alpha).with_router(
            keys=keys * keys.dtype.type(-2)
        ),
    }
    for where, changed in changes.items():
        later = trial.later(changed)
        for target in case.bases:
            yield from _equal(target, where, later.y(target), first.y(target))


def _within_base(trial: AdapterTrial) -> Iterator[Evidence]:
    for target in trial.case.bases:
        yield from within(f"y of {target} where v is zero", trial.y(target), trial.expected[target])


def _equal(target: str, where: str, got: Array, expected: Array) -> Iterator[Evidence]:
    """By value: −0 is 0."""
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    other = got != expected
    at = first_place(other)
    values: dict[str, Any] = {"got": float(got[tuple(at)]), "expected": float(expected[tuple(at)])} if at else {}
    yield holds(not at, ProblemKind.ADAPTED_BASE, target=target, at=at, place=where, **values)


def _apart(trial: AdapterTrial) -> Iterator[Evidence]:
    """Each target without one of the others."""
    for left in trial.case.bases:
        rest = {name: base for name, base in trial.case.bases.items() if name != left}
        if not rest:
            continue
        alone = trial.later(replace(trial.case, bases=rest))
        for target in rest:
            other = differing(trial.y(target), alone.y(target))
            yield holds(not other.any(), ProblemKind.ADAPTED_ALONE, target=target, at=first_place(other), left=left)


def _repeat(trial: AdapterTrial) -> Iterator[Evidence]:
    """Several times, and after one change in the same arrays, which must change the answer."""
    for what, between in (("", None), *_OTHERS.items(), *[("", None)] * (AGAIN - 1)):
        if between:
            later = trial.later(between(trial.case), in_place=True)
            stale = stale_row(
                trial.expected, later.expected, *({t: each.y(t) for t in trial.case.bases} for each in (trial, later))
            )
            yield holds(stale is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=f"y of {stale}", method="adapt")
            yield from _values(trial, later, what)
        name = moved(trial.returned, trial.later(trial.case, in_place=between is not None).returned)
        yield holds(name is None, ProblemKind.ADAPTER_NOT_REPEATED, name=name)
        if name:
            return


def _values(trial: AdapterTrial, after: AdapterTrial, what: str) -> Iterator[Evidence]:
    """y of each target after a change."""
    for target, expected in after.expected.items():
        both = (trial.y(target), after.y(target))
        certain = (trial.certain & after.certain)[:, None]
        where = None if trial.shows_routing else np.broadcast_to(certain, both[0].shape)
        yield from right_after(f"y of {target}", what, trial.expected[target], expected, *both, where)


def _other_tokens(case: AdapterCase) -> AdapterCase:
    return replace(case, x=case.x * case.x.dtype.type(-2))


def _other_tables(case: AdapterCase) -> AdapterCase:
    return replace(case, tables={name: part * part.dtype.type(-2) for name, part in case.tables.items()})


def _other_bases(case: AdapterCase) -> AdapterCase:
    bases = {name: base._replace(weight=base.weight * base.weight.dtype.type(-2)) for name, base in case.bases.items()}
    return replace(case, bases=bases)


def _other_biases(case: AdapterCase) -> AdapterCase:
    bases = {
        name: base._replace(bias=None if base.bias is None else base.bias * base.bias.dtype.type(-2))
        for name, base in case.bases.items()
    }
    return replace(case, bases=bases)


def _other_router(case: AdapterCase) -> AdapterCase:
    keys = case.layer.params["keys"]
    return case.with_router(keys=keys * keys.dtype.type(-2))


def _other_alpha(case: AdapterCase) -> AdapterCase:
    return replace(case, alpha=-2 * case.alpha)


_OTHERS = {
    "x": _other_tokens,
    "the tables": _other_tables,
    "the bases": _other_bases,
    "the biases": _other_biases,
    "the router": _other_router,
    "alpha": _other_alpha,
}


def _tokens(trial: AdapterTrial) -> Iterator[Evidence]:
    """The last token changes, and then holds a NaN, which reaches its y: no bit of another token does."""
    case, last = trial.case, len(trial.routed.tokens) - 1
    if last < 1 or (case.training and case.layer.config.query_norm == "batch"):
        return
    where = (np.arange(last + 1) == last).reshape(*case.x.shape[:-1], 1)
    for change, clause, kind in (
        (case.x * case.x.dtype.type(-2), "IND-1", ProblemKind.OTHERS_FOLLOW_TOKEN),
        (case.x.dtype.type(np.nan), "NFT-2", ProblemKind.NON_FINITE_SPREADS),
    ):
        after = trial.later(replace(case, x=like(case.x, np.where(where, change, case.x))))
        pairs = ((name, _rows(trial, name)[:last], _rows(after, name)[:last]) for name in trial.returned)
        part = next((name for name, old, new in pairs if old.tobytes() != new.tobytes()), None)
        yield holds(part is None, kind, clause=clause, part=part, token=last)
    lost = sum(int((~np.isnan(after.y(target)[last].astype(np.float64))).sum()) for target in case.bases)
    yield holds(not lost, ProblemKind.NAN_LOST, clause="NFT-1", count=lost)


def _rows(trial: AdapterTrial, name: str) -> Array:
    """A returned part with one axis of tokens."""
    return trial.returned[name].reshape(len(trial.routed.tokens), -1)


# -- gradients


def _gradient_form(trial: AdapterTrial) -> Iterator[Evidence]:
    yield violated(trial.gradient_violation) if trial.gradient_violation else Evidence(0.0)


def _decided(examine: Examine) -> Examine:
    """Examine gradients of the right form, and only if at least half of the tokens have a certain selection."""

    def examine_decided(trial: AdapterTrial) -> Iterator[Evidence]:
        if 2 * trial.certain.sum() < len(trial.certain):
            return
        if trial.gradient_violation:
            yield blocked(trial.gradient_violation.problem, trial.gradient_violation.clause)
            return
        yield from examine(trial)

    return _sound(examine_decided)


def _of(*prefixes: str) -> Examine:
    """Compare the gradients of what begins with one of the prefixes."""

    def examine(trial: AdapterTrial) -> Iterator[Evidence]:
        for name, expected in trial.expected_gradients.items():
            if name.startswith(prefixes):
                got = trial.returned_gradients[name].reshape(expected.value.shape)
                yield from within(f"the gradient of {name}", got, expected, u=trial.routed.model.u)

    return _decided(examine)


def _gradient_repeat(trial: AdapterTrial) -> Iterator[Evidence]:
    """Several times, and after one change of what the gradients depend on, which they must follow."""
    for what, between in (*[("", None)] * AGAIN, ("dy", _other_upstream), *_OTHERS.items()):
        if between:
            after = trial.later_gradients(between(trial.case), in_place=True)
            answers = trial.returned_gradients, after.returned_gradients
            name = stale_row(trial.expected_gradients, after.expected_gradients, *answers)
            part, method = f"the gradient of {name}", "adapter_gradients"
            yield holds(name is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=part, method=method)
            for changed, expected in after.expected_gradients.items():
                got = (each.returned_gradients[changed].reshape(expected.value.shape) for each in (trial, after))
                old = trial.expected_gradients[changed]
                yield from right_after(f"the gradient of {changed}", what, old, expected, *got)
        name = moved(trial.returned_gradients, trial.gradients_again(in_place=between is not None).value)
        yield holds(name is None, ProblemKind.ADAPTER_NOT_REPEATED, name=f"gradient of {name}")
        if name:
            return


def _other_upstream(case: AdapterCase) -> AdapterCase:
    return replace(case, upstream={name: dy * dy.dtype.type(-2) for name, dy in case.upstream.items()})


def _check(
    id: str, clauses: tuple[str, ...], stage: Stage, tag: str, examine: Examine, summary: str, **more: bool
) -> Check:
    return Check(
        f"adapter.{id}", clauses, stage, tag, examine, summary, profile="adapter", trial=TrialKind.ADAPTER, **more
    )  # fmt: skip


ADAPTER_CHECKS = (
    _check(
        "form",
        ("ADP-3", "ADP-5", "SHP-1", "SEL-7", "PRC-3", "PRC-6", "CNF-3", "IND-2", "IND-4"),
        Stage.STRUCTURE,
        "adapter",
        _form,
        "Is there an output for each base, with the right shapes and dtypes, and no input changed?",
    ),
    _check(
        "repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        "adapter.repeat",
        _sound(_repeat),
        "Do equal calls of adapt() give equal bits, several times and after other calls?",
    ),
    _check(
        "routing",
        ("ADP-2",),
        Stage.SELECTION,
        "adapter",
        _sound(_routing),
        "Is the routing, bit for bit, that of a layer with the parameters of the router?",
        needs_routing=True,
    ),
    _check(
        "apart",
        ("ADP-4",),
        Stage.INDEPENDENCE,
        "adapter.apart",
        _sound(_apart),
        "Does leaving out a target keep the bits of the others?",
    ),
    _check(
        "y",
        ("ADP-3", "GAT-1", "PRC-2", "PRC-4"),
        Stage.ACCUMULATION,
        "adapter",
        _sound(_y),
        "Is y of each target its base plus alpha times the sum over heads, experts and ranks?",
    ),
    _check(
        "exact",
        ("ADP-3", "PRC-5"),
        Stage.ACCUMULATION,
        "adapter.exact",
        _sound(_exact),
        "Is y exact where every sum is?",
    ),
    _check(
        "base",
        ("ADP-4", "ADP-3"),
        Stage.EXPERT,
        "adapter.base",
        _sound(_nothing),
        "Is y that of the base alone where the change is zero?",
    ),
    _check(
        "tokens",
        ("IND-1", "NFT-1", "NFT-2"),
        Stage.INDEPENDENCE,
        "adapter.tokens",
        _sound(_tokens),
        "Does a token leave the y and the routing of others alone, also if it holds a NaN?",
    ),
    _check(
        "gradient.form",
        ("ADP-5", "SHP-1", "PRC-6", "IND-2", "IND-4"),
        Stage.GRADIENT,
        "adapter.gradient",
        _sound(_gradient_form),
        "Are the gradients of x and of all learned parameters there, and none of a base?",
    ),
    _check(
        "gradient.repeat",
        ("IND-3", "IND-4"),
        Stage.GRADIENT,
        "adapter.gradient.repeat",
        _decided(_gradient_repeat),
        "Do equal calls of adapter_gradients() give equal bits?",
    ),
    _check(
        "gradient.tables",
        ("ADP-5", "PRC-2", "PRC-4"),
        Stage.GRADIENT,
        "adapter.gradient",
        _of("targets."),
        "Do all uses of a row of u and of v add up, for each target and rank?",
    ),
    _check(
        "gradient.router",
        ("ADP-5", "PRC-2", "PRC-4"),
        Stage.GRADIENT,
        "adapter.gradient",
        _of("query", "keys"),
        "Does the router get the gradient of all targets and ranks?",
    ),
    _check(
        "gradient.x",
        ("ADP-5", "PRC-2", "PRC-4"),
        Stage.GRADIENT,
        "adapter.gradient",
        _of("x"),
        "Does x get the gradient of the bases, the experts and the routing?",
    ),
)
