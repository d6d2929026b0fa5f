"""Ways to make a failing case smaller: each yields cases strictly smaller than the one given, the boldest first.

A reduction only ever removes tokens, heads, sub-keys and features, drops low bits, or puts zeros in the place of
values. So what was exact stays exact (PRC-5), and no sequence of reductions is endless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from peerspec.conformance.case import Array, Case
from peerspec.conformance.question import Halves, Subject
from peerspec.reference import Layer, PeerConfig

__all__ = ["REDUCTIONS", "reductions"]

Kept = Sequence[int]
FEW = 8
"""Up to so many indices, each is tried alone, and each is tried without."""


def reductions(subject: Subject) -> tuple[Callable[[Any], Iterator[Any]], ...]:
    """The reductions that apply, in the order in which they pay."""
    return REDUCTIONS[type(subject)]


# -- which indices of an axis to keep


def _fewer(size: int) -> Iterator[Kept]:
    """One of few; a half; all but a quarter, an eighth, a sixteenth; all but one of few."""
    everything = list(range(size))
    if 1 < size <= FEW:
        yield from ([i] for i in everything)
    for parts in (2, size) if size <= FEW else (2, 4, 8, 16):
        if size >= max(parts, 3):
            edges = [round(part * size / parts) for part in range(parts + 1)]
            yield from (everything[:a] + everything[b:] for a, b in zip(edges, edges[1:], strict=False))


def _fewer_of_two(size: int) -> Iterator[tuple[Kept, Kept]]:
    """The same number of indices of two axes of one size."""
    kept = [list(part) for part in _fewer(size)]
    pairs = [(a, b) for a, b in product(kept, kept) if len(a) == len(b)]
    yield from pairs if size <= FEW else [(a, b) for a, b in pairs if len(a) <= size // 2 + 1 or a == b]


def _fewer_of_list(k: int) -> Iterator[int]:
    yield from dict.fromkeys(smaller for smaller in (1, k // 2, k - 1) if 1 <= smaller < k)


# -- a layer and its tokens


def _tokens(case: Case) -> Iterator[Case]:
    """Without the mask, without gaps, without leading axes, then fewer tokens along each axis."""
    if case.mask is not None:
        yield replace(case, mask=None)
    if not case.x.flags.c_contiguous:
        yield replace(case, x=np.ascontiguousarray(case.x))
    if case.x.ndim > 2:
        yield _on_tokens(case, lambda a, lead: a.reshape(-1, *a.shape[lead:]))
    for axis, size in enumerate(case.x.shape[:-1]):
        for kept in _fewer(size):
            yield _on_tokens(case, lambda a, lead, kept=kept, axis=axis: a.take(kept, axis))


def _on_tokens(case: Case, change: Callable[..., Array]) -> Case:
    lead = case.x.ndim - 1
    x = change(case.x, lead)
    parts = {"mask": case.mask, "dy": case.dy}
    return replace(
        case,
        x=x if case.x.flags.c_contiguous else _with_gaps(x),
        **{name: None if part is None else change(part, lead) for name, part in parts.items()},
    )


def _with_gaps(a: Array) -> Array:
    return np.repeat(a, 2, 0)[::2]


def _layer(case: Case, params: dict[str, Array], **config: Any) -> Case:
    return replace(case, layer=Layer(replace(case.layer.config, **config), dict(case.layer.params) | params))


def _taken(case: Case, kept: Kept, axes: dict[str, int]) -> dict[str, Array]:
    """Parameters cut to the indices kept, by the beginning of their names and the axis."""
    return {
        name: array.take(kept, axis)
        for prefix, axis in axes.items()
        for name, array in case.layer.params.items()
        if name.startswith(prefix)
    }


def _heads(case: Case) -> Iterator[Case]:
    config = case.layer.config
    for kept in _fewer(config.heads):
        own = {"keys": 0} if config.key_heads > 1 else {}
        yield _layer(
            case,
            _taken(case, kept, {"query": 0} | own),
            heads=len(kept),
            key_heads=len(kept) if own else 1,
        )


def _top_k(case: Case) -> Iterator[Case]:
    for k in _fewer_of_list(case.layer.config.top_k):
        yield _layer(case, {}, top_k=k)


def _experts(case: Case) -> Iterator[Case]:
    """Fewer sub-keys a side, and the experts they pair to."""
    config = case.layer.config
    for first, second in _fewer_of_two(config.n):
        rows = [i * config.n + j for i, j in product(first, second)]
        keys = case.layer.params["keys"]
        params = _taken(case, rows, {"experts.": 0}) | {
            "keys": np.stack([keys[:, 0].take(first, 1), keys[:, 1].take(second, 1)], 1)
        }
        yield _layer(case, params, num_experts=len(rows), top_k=min(config.top_k, len(rows)))


def _query(case: Case) -> Iterator[Case]:
    """Fewer features in each half of the query."""
    half = case.layer.config.d_key // 2
    for first, second in _fewer_of_two(half):
        both = [*first, *(half + i for i in second)]
        keys = case.layer.params["keys"]
        params = _taken(case, both, {"query": 1}) | {
            "keys": np.stack([keys[:, 0].take(first, -1), keys[:, 1].take(second, -1)], 1)
        }
        yield _layer(case, params, d_key=len(both))


def _width(case: Case) -> Iterator[Case]:
    for kept in _fewer(case.layer.config.d_model):
        params = _taken(case, kept, {"query.weight": 2, "experts.u": 1, "experts.w": 1})
        x = case.x.take(kept, -1)
        x = x if case.x.flags.c_contiguous else _with_gaps(x)
        yield replace(_layer(case, params, d_model=len(kept)), x=x)


def _outputs(case: Case) -> Iterator[Case]:
    for kept in _fewer(case.layer.config.d_out):
        smaller = _layer(case, _taken(case, kept, {"experts.v": 1}), d_out=len(kept))
        yield smaller if case.dy is None else replace(smaller, dy=case.dy.take(kept, -1))


def _values(case: Case) -> Iterator[Case]:
    tensors = dict(case.layer.params) | {"x": case.x} | ({} if case.dy is None else {"dy": case.dy})
    for simpler in _simpler(tensors):
        given = {name: simpler.pop(name) for name in ("x", "dy") if name in simpler}
        yield replace(_layer(case, simpler), **given)


# -- half scores


def _rows(halves: Halves) -> Iterator[Halves]:
    if halves.scores1.ndim > 2:
        n = halves.scores1.shape[-1]
        yield _on_halves(halves, lambda a: a.reshape(-1, n))
    for axis, size in enumerate(halves.scores1.shape[:-1]):
        for kept in _fewer(size):
            yield _on_halves(halves, lambda a, kept=kept, axis=axis: a.take(kept, axis))


def _on_halves(halves: Halves, change: Callable[[Array], Array]) -> Halves:
    return replace(halves, scores1=change(halves.scores1), scores2=change(halves.scores2))


def _list(halves: Halves) -> Iterator[Halves]:
    for k in _fewer_of_list(halves.k):
        yield replace(halves, k=k)


def _sub_keys(halves: Halves) -> Iterator[Halves]:
    for first, second in _fewer_of_two(halves.scores1.shape[-1]):
        s1, s2 = halves.scores1.take(first, -1), halves.scores2.take(second, -1)
        yield Halves(halves.name, s1, s2, min(halves.k, len(first) ** 2))


def _scores(halves: Halves) -> Iterator[Halves]:
    for simpler in _simpler({"scores1": halves.scores1, "scores2": halves.scores2}):
        yield replace(halves, **simpler)


# -- simpler values


def _simpler(tensors: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """Changed tensors only: all without low bits, then each: zero, without low bits, with single rows of zeros."""
    for unit in (1.0, 2.0**-4):
        yield from _changed(tensors, {name: _truncated(array, unit) for name, array in tensors.items()})
    for name, array in tensors.items():
        yield from _changed(tensors, {name: np.zeros_like(array)})
        for unit in (1.0, 2.0**-2, 2.0**-4):
            yield from _changed(tensors, {name: _truncated(array, unit)})
    for name, array in tensors.items():
        for part in _parts(array.shape):
            simpler = array.copy()
            simpler[part] = 0
            yield from _changed(tensors, {name: simpler})


def _parts(shape: tuple[int, ...]) -> Iterator[Any]:
    """Rows, then entries, where they are few."""
    size = int(np.prod(shape))
    if len(shape) > 1 and 1 < shape[0] <= FEW:
        yield from range(shape[0])
    if 1 < size <= 2 * FEW:
        yield from (np.unravel_index(i, shape) for i in range(size))


def _truncated(array: Array, unit: float) -> Array:
    """Towards zero, to multiples of ``unit``: never a bit more than before."""
    return (np.trunc(array.astype(np.float64) / unit) * unit).astype(array.dtype)


def _changed(old: dict[str, Array], new: dict[str, Array]) -> Iterator[dict[str, Array]]:
    """The tensors that became simpler, if any; −0 and 0 are as simple as each other."""
    changed = {name: array for name, array in new.items() if not np.array_equal(array, old[name], equal_nan=True)}
    if changed:
        yield changed


REDUCTIONS: dict[type, tuple[Callable[[Any], Iterator[Any]], ...]] = {
    Case: (_tokens, _heads, _top_k, _experts, _query, _width, _outputs, _values),
    Halves: (_rows, _list, _sub_keys, _scores),
}
