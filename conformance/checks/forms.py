"""The same tokens in another form: leading axes, gaps between rows, columns first in memory, a mask.

The answer must be the answer to the plain form.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.cases.layouts import laid_out, layout
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import sound, within
from peerspec.conformance.kinds import Stage
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer

__all__ = ["FORM_CHECKS", "form_clause", "tables_moved"]


def tables_moved(case: Case) -> bool:
    """Whether the tables have another layout than rows."""
    return layout(case.layer.params["experts.u"]) != "rows"


def form_clause(case: Case) -> str:
    """The clause of the form of a case: the order of the tables, the shape of x, or the mask."""
    return "PAR-1" if tables_moved(case) else "SHP-1" if case.mask is None else "SHP-2"


def _forms(trial: Trial) -> Iterator[Evidence]:
    """Compare the backend with itself on [T, D] without a mask, so that no other defect is blamed on the form.

    Another form may take another path with other roundings. Each answer lies within one bound of the definition, so
    both lie within two bounds of each other, for tokens that every legal backend routes alike. The largest bound
    holds for all entries, because the answer need not be near the definition.
    """
    case = trial.case
    rows = Layer(case.layer.config, {name: laid_out(array, "rows") for name, array in case.layer.params.items()})
    plain = trial.forward(laid_out(case.x.reshape(len(trial.tokens), -1), "rows"), rows, masked=False)
    parts = {"y": trial.y.error}
    if trial.shows_routing and plain.indices is not None:
        parts = {"scores": trial.scores.error} | parts
    form = f"tables {_WHERE[layout(case.layer.params['experts.u'])]}" if tables_moved(case) else _form_of(case.x)
    for name, error in parts.items():
        got, expected = (getattr(out, name).astype(np.float64).reshape(error.shape) for out in (trial.output, plain))
        if name == "scores":
            got, expected = np.sort(got), np.sort(expected)
        bound = Bounded(expected, np.full(error.shape, 2 * error.max(initial=0)))
        comparable = trial.certain_for_all & trial.finite
        same = ~np.isfinite(expected) & ((got == expected) | (np.isnan(got) & np.isnan(expected)))
        where = comparable.reshape(-1, *[1] * (error.ndim - 1)) & ~same
        yield from within(f"{name} of {form}, against [T, D],", got, bound, where, clause=form_clause(case))


def _form_of(x: Array) -> str:
    return " ".join(filter(None, (f"x of shape {x.shape}", _WHERE[layout(x)])))


_WHERE = {
    "rows": "",
    "columns": "in column order",
    "gaps": "with gaps between its rows",
    "unaligned": "at an address that is no multiple of 16",
    "reversed": "with its last row first in memory",
    "broadcast": "with one row of memory for all",
    "constant": "with one number of memory for all",
    "permuted": "with its second axis outside the first",
}

FORM_CHECKS = (
    Check(
        "structure.forms",
        ("SHP-1", "SHP-2", "PAR-1"),
        Stage.STRUCTURE,
        "form",
        sound(_forms),
        "Is the answer independent of leading axes, strides, the order of memory and a mask?",
    ),
)
