"""The kernels of gradients and updates by row, interpreted: sums in one order, and no row but the touched ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.settings import Tiles
from peerspec.backends.torch.gpu import rows as gpu
from peerspec.backends.torch.gpu.router import retrieve_backward

EPSILON = 2.0**-24


def pairs(tokens: int, count: int, num_rows: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randint(num_rows, (tokens, count)), torch.randn(tokens, count), torch.randn(tokens, width)


def dense(ids: Tensor, weights: Tensor, x: Tensor, num_rows: int) -> Tensor:
    terms = weights[:, :, None].double() * x[:, None].double()
    return torch.zeros(num_rows, x.shape[1], dtype=torch.float64).index_add_(0, ids.flatten(), terms.flatten(0, 1))


@pytest.fixture(params=[4, 64], ids=["many blocks", "one block"], autouse=True)
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of more than four pairs crosses blocks, or none does."""
    monkeypatch.setattr(launches, "rows_tiles", lambda *_: Tiles(2, 1, request.param))


@pytest.mark.parametrize(("tokens", "count", "num_rows"), [(5, 6, 7), (9, 8, 2), (1, 1, 1), (4, 3, 1000), (16, 4, 1)])
def test_gradients_are_the_sums_of_their_pairs(tokens: int, count: int, num_rows: int) -> None:
    ids, weights, x = pairs(tokens, count, num_rows, 5)
    expected = dense(ids, weights, x, num_rows)
    rows, order, starts, places = gpu.touched_rows(ids, num_rows)
    R = int(places[-1])
    assert torch.equal(rows[:R], ids.unique())
    assert torch.equal(starts[: R + 1].diff(), ids.flatten().bincount(minlength=num_rows)[rows[:R]])
    found = gpu.dense_gradient(torch.empty(num_rows, 5), rows, order, starts, places, weights, x)
    assert (found - expected).norm() <= tokens * count * EPSILON * expected.norm() * 4
    compact = gpu.scatter_sum(rows, order, starts, places, weights, x)
    assert torch.equal(compact[:R], found[rows[:R]])


def test_no_pairs_change_nothing() -> None:
    ids, weights, x = pairs(0, 4, 7, 5)
    rows, order, starts = torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64), torch.zeros(1)
    found = gpu.dense_gradient(torch.empty(7, 5), rows, order, starts, ids.flatten().int(), weights, x)
    assert torch.equal(found, torch.zeros(7, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam"])
def test_an_update_changes_the_touched_rows_alone(name: str, dtype: torch.dtype) -> None:
    ids, weights, x = pairs(6, 5, 40, 7)
    table = torch.randn(40, 7).to(dtype)
    first, second = torch.rand(40, 7), torch.rand(40, 7)
    gradient = dense(ids, weights, x, 40)
    expected, states = updated(name, table, first, second, gradient)
    rows, order, starts, places = gpu.touched_rows(ids, 40)
    operands: tuple[Any, ...] = (rows, x, [order, starts, weights, places])
    got = table.clone()
    if name == "sgd":
        gpu.sgd_rows(got, *operands, 0.1)
    elif name == "adagrad":
        sums = first[:, 0].clone()
        gpu.adagrad_rows(got, sums, *operands, 0.1, 1e-8)
        assert torch.allclose(sums.double(), states[0], rtol=1e-5)
    else:
        moments = first.clone(), second.clone()
        gpu.adam_rows(got, *moments, *operands, 0.1, 0.9, 0.99, 1e-8, 3)
        assert all(torch.allclose(m.double(), s, rtol=1e-4, atol=1e-6) for m, s in zip(moments, states, strict=True))
    touched = torch.zeros(40, dtype=torch.bool).index_fill(0, ids.flatten(), value=True)
    assert torch.equal(got[~touched], table[~touched])
    step = 2.0**-8 if dtype is torch.bfloat16 else 1e-5
    assert torch.allclose(got[touched].double(), expected[touched], rtol=step, atol=1e-5)


def updated(name: str, table: Tensor, first: Tensor, second: Tensor, g: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The rows and the state after one update of every row, in float64; a row without a gradient keeps its state."""
    table, first, second = table.double(), first.double(), second.double()
    if name == "sgd":
        return table - 0.1 * g, []
    if name == "adagrad":
        sums = first[:, 0] + g.square().mean(1)
        return table - g * (0.1 / (sums.sqrt() + 1e-8))[:, None], [sums]
    used = (g != 0).any(1, keepdim=True)
    mean, square = (torch.where(used, new, old) for new, old in (
        (0.9 * first + 0.1 * g, first), (0.99 * second + 0.01 * g.square(), second)
    ))  # fmt: skip
    return table - 0.1 / (1 - 0.9**3) * mean / ((square / (1 - 0.99**3)).sqrt() + 1e-8), [mean, square]


@pytest.mark.parametrize("key_heads", [1, 2])
def test_gradients_of_queries_and_sub_keys_are_sums_over_the_selected(key_heads: int) -> None:
    torch.manual_seed(0)
    tokens, heads, k, n, half = 5, 2, 3, 4, 6
    q, keys = torch.randn(tokens, heads, 2 * half), torch.randn(key_heads, 2, n, half)
    ids, dscores = torch.randint(n * n, (tokens, heads, k)), torch.randn(tokens, heads, k)
    dq, dkeys = retrieve_backward(q, keys, ids, dscores)
    wide_q, wide_keys = q.double().requires_grad_(), keys.double().requires_grad_()
    own = wide_keys.expand(heads, -1, -1, -1)
    scores = sum(
        torch.einsum(
            "thd,thkd->thk", wide_q[..., side * half :][..., :half], own[torch.arange(heads)[:, None], side, part]
        )
        for side, part in enumerate((ids // n, ids % n))
    )
    right_q, right_keys = torch.autograd.grad(scores, (wide_q, wide_keys), dscores.double())
    assert torch.allclose(dq.double(), right_q, rtol=1e-5, atol=1e-5)
    assert torch.allclose(dkeys.double(), right_keys, rtol=1e-5, atol=1e-5)
