"""The same tokens in another form: leading axes, gaps between rows, columns first in memory, a mask.

The answer is that of the plain form.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import sound, within
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer

__all__ = ["FORMS"]


def _forms(trial: Trial) -> Iterator[Evidence]:
    """The backend against itself on [T, D] without a mask, so that no other defect is blamed on the form.

    Another form may take another path with other roundings: each answer lies within one bound of the definition, so
    both lie within two of each other, for tokens that every legal backend routes alike. The largest bound serves for
    all entries, because the answer need not be near the definition.
    """
    layer, moved = trial.case.layer, not trial.case.layer.params["experts.u"].flags.c_contiguous
    clause = "PAR-1" if moved else "SHP-1" if trial.case.mask is None else "SHP-2"
    rows = Layer(layer.config, {name: np.ascontiguousarray(array) for name, array in layer.params.items()})
    plain = trial.forward(np.ascontiguousarray(trial.case.x.reshape(len(trial.tokens), -1)), rows, masked=False)
    parts = {"y": trial.y.error}
    if trial.shows_routing and plain.indices is not None:
        parts = {"scores": trial.scores.error} | parts
    for name, error in parts.items():
        expected = getattr(plain, name).astype(np.float64).reshape(error.shape)
        got = getattr(trial.output, name).reshape(error.shape)
        where = np.broadcast_to(trial.certain_for_all.reshape(-1, *[1] * (error.ndim - 1)), error.shape)
        yield from within(
            f"{name} of {'tables in column order' if moved else f'x of shape {trial.case.x.shape}'}, against [T, D],",
            np.sort(got) if name == "scores" else got,
            Bounded(
                np.sort(expected) if name == "scores" else expected, np.full(error.shape, 2 * error.max(initial=0))
            ),
            where,
            clause=clause,
        )


FORMS = (
    Check(
        "structure.forms",
        ("SHP-1", "SHP-2", "PAR-1"),
        "structure",
        "form",
        sound(_forms),
        "Do leading axes, strides, the order of memory and a mask leave the answer as it is?",
    ),
)
