"""The same tokens in another form: leading axes, gaps between rows, a mask. The answer is that of the plain form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.checks.base import Check, Evidence, sound, within
from peerspec.conformance.judge.bounded import Bounded
from peerspec.conformance.trial import Trial

__all__ = ["FORMS"]


def _forms(trial: Trial) -> Iterator[Evidence]:
    """The backend against itself on [T, D] without a mask, so that no other defect is blamed on the form.

    Another form may take another path with other roundings: each answer lies within one bound of the definition, so
    both lie within two of each other, for tokens that every legal backend routes alike.
    """
    clause = "SHP-1" if trial.case.mask is None else "SHP-2"
    plain = trial.forward(np.ascontiguousarray(trial.case.x.reshape(len(trial.tokens), -1)), masked=False)
    parts = {"y": trial.y.error}
    if trial.traced and plain.indices is not None:
        parts = {"scores": trial.scores.error} | parts
    for name, error in parts.items():
        expected = getattr(plain, name).astype(np.float64).reshape(error.shape)
        got = getattr(trial.output, name).reshape(error.shape)
        where = np.broadcast_to(trial.settled.reshape(-1, *[1] * (error.ndim - 1)), error.shape)
        yield from within(
            f"{name} of x of shape {trial.case.x.shape}, against [T, D],",
            np.sort(got) if name == "scores" else got,
            Bounded(np.sort(expected) if name == "scores" else expected, 2 * error.max(-1, keepdims=True) + 0 * error),
            where,
            clause=clause,
        )


FORMS = (
    Check(
        "structure.forms",
        ("SHP-1", "SHP-2"),
        "structure",
        "form",
        sound(_forms),
        "Do leading axes, strides and a mask leave the answer as it is?",
    ),
)
