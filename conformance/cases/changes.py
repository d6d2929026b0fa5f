"""Cases that differ from a case in one or two entries: an answer must follow each change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case
from peerspec.reference import Layer

__all__ = ["Change", "changed_inputs", "changed_mode", "changed_parameters", "with_parameters"]

Change = tuple[str, Case]
"""What was changed, and the case with the change."""


def changed_inputs(case: Case) -> Iterator[Change]:
    """The last feature of the last token, the first of the first, and two features of a middle token exchanged.

    After the exchange the sum, the extremes, and the first and the last token are the same.
    """
    for name in ("x", "dy"):
        array = getattr(case, name)
        if array is None or not array.size:
            continue
        middle = len(array.reshape(-1, array.shape[-1])) // 2
        yield f"the last entry of {name}", _with(case, name, _other(array, -1))
        yield f"the first entry of {name}", _with(case, name, _other(array, 0))
        if array.shape[-1] > 1:
            yield f"the order of two entries of {name}", _with(case, name, _exchanged(array, middle))


def changed_parameters(case: Case, ids: Array) -> Iterator[Change]:
    """For each parameter the last entry that matters, and two entries exchanged in the first row that matters.

    Args:
        case: the case.
        ids: [T, h, k], the selected experts.
    """
    for name, array in case.layer.params.items():
        first, last = _rows(case, name, ids)
        yield f"the last entry of {name}", with_parameters(case, **{name: _other(array, last)})
        if array.shape[-1] > 1 and name != "query_norm.var":
            yield f"the order of two entries of {name}", with_parameters(case, **{name: _exchanged(array, first)})


def changed_mode(case: Case) -> Iterator[Change]:
    """With batch norm: the other mode, and one token more or less that counts."""
    if case.layer.config.query_norm != "batch":
        return
    yield "the mode", replace(case, training=not case.training)
    if case.training and case.mask is not None and case.mask.size:
        mask = case.mask.copy()
        mask.reshape(-1)[-1] ^= True
        yield "the last entry of the mask", replace(case, mask=mask)


def _with(case: Case, name: str, value: Any) -> Case:
    return replace(case, **{name: value})


def with_parameters(case: Case, **params: Array) -> Case:
    """The case with other values of some parameters."""
    return replace(case, layer=Layer(case.layer.config, dict(case.layer.params) | params))


def _rows(case: Case, name: str, ids: Array) -> tuple[int, int]:
    """The first row that matters, and the last entry that does, both in the array as one list of rows."""
    array, n = case.layer.params[name], case.layer.config.n
    width, rows = array.shape[-1], array.size // array.shape[-1]
    first, last = 0, rows - 1
    if name.startswith("experts."):
        first, last = int(ids.min()), int(ids.max())
    elif name == "keys":  # of the last key head, the second half
        head = case.layer.config.key_heads - 1
        used = ids if head == 0 else ids[:, -1]
        first, last = int(ids[:, 0].min()) // n, rows - n + int((used % n).max())
    return first, last * width + width - 1


def _other(array: Array, at: int) -> Array:
    """The array with another entry: far from the old one, not larger than 4, and of the same sign."""
    changed = array.copy(order="K")
    place = np.unravel_index(at % array.size, array.shape)
    old = float(array[place])
    changed[place] = np.sign(old or 1.0) * (1.0 if abs(old) > 2 else abs(old) + 1.0)
    return changed


def _exchanged(array: Array, row: int) -> Array:
    """The array with the first and the last entry of a row exchanged."""
    changed = array.copy(order="K")
    place = np.unravel_index(row, array.shape[:-1]) if array.ndim > 1 else ()
    changed[place] = np.concatenate([changed[place][-1:], changed[place][1:-1], changed[place][:1]])
    return changed
