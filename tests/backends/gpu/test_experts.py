"""The kernels of the expert stage, interpreted, against float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.settings import Tiles
from peerspec.backends.torch.gpu import experts

SIGMA = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda a: functional.gelu(a, approximate="tanh"),
    "silu": functional.silu,
    "identity": lambda a: a,
}
CASES = [
    # tokens, D, M, pairs, N, GLU, activation, pairs of a program
    (3, 30, 17, 5, 9, True, "silu", 8),
    (4, 32, 32, 8, 3, False, "gelu", 4),
    (1, 1, 1, 1, 1, False, "identity", 4),
    (2, 65, 5, 12, 25, True, "gelu_tanh", 4),
    (2, 16, 16, 7, 30, False, "relu", 2),
    (0, 8, 4, 3, 5, False, "relu", 4),
]
EPSILON = 2.0**-24


def stage(tokens: int, d: int, m: int, pairs: int, n: int, glu: bool, dtype: torch.dtype) -> dict[str, Any]:
    torch.manual_seed(0)
    u, v = torch.randn(n, d).to(dtype), torch.randn(n, m).to(dtype)
    return {
        "u": u,
        "v": v,
        "w": torch.randn(n, d).to(dtype) if glu else None,
        "x": torch.randn(tokens, d),
        "ids": torch.randint(n, (tokens, pairs)),
        "gates": torch.rand(tokens, pairs),
    }


def definition(made: dict[str, Any], activation: str, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """y, dx and dgates in float64."""
    x, gates = (made[name].double().requires_grad_() for name in ("x", "gates"))
    a = torch.einsum("td,tkd->tk", x, made["u"].double()[made["ids"]])
    output = SIGMA[activation](a)
    if made["w"] is not None:
        output = SIGMA[activation](torch.einsum("td,tkd->tk", x, made["w"].double()[made["ids"]])) * a
    y = torch.einsum("tk,tkm->tm", output * gates, made["v"].double()[made["ids"]])
    return y.detach(), *torch.autograd.grad(y, (x, gates), dy.double())


def close(got: Tensor, expected: Tensor, terms: int) -> bool:
    """Whether the error of the whole is below that of sums of ``terms`` numbers, which hardly cancel here."""
    return not expected.numel() or bool((got.double() - expected).norm() <= 4 * terms * EPSILON * expected.norm())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_and_gradients_are_those_of_the_definition(
    case: Any, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    *sizes, glu, activation, per = case
    monkeypatch.setattr(launches, "stage_tiles", lambda *_: Tiles(min(4, per), 1, per))
    made, dy = stage(*sizes, glu, dtype), torch.randn(sizes[0], sizes[2])
    y, products = experts.expert_stage(**made, activation=activation)
    dx, dgates, *weights = experts.expert_stage_backward(
        **made, products=products, dy=dy, activation=activation, needs_dx=True
    )
    expected = definition(made, activation, dy)
    terms = sum(sizes[1:4])
    assert all(close(got, right, terms) for got, right in zip((y, dx, dgates), expected, strict=True))
    assert len(weights) == (3 if glu else 2)


def test_pairs_behind_the_last_read_no_row() -> None:
    """The tile of three pairs has room for four, and expert 0, whose place is read for none, is not finite."""
    made = stage(2, 8, 8, 3, 5, False, torch.float32)
    made["ids"] = made["ids"].clamp(min=1)
    made["u"][0], made["v"][0] = float("inf"), float("nan")
    y, products = experts.expert_stage(**made, activation="gelu")
    assert bool(y.isfinite().all())
    dx, *_ = experts.expert_stage_backward(**made, products=products, dy=y, activation="gelu", needs_dx=True)
    assert bool(dx.isfinite().all())


def test_a_nan_in_one_token_stays_there() -> None:
    made = stage(3, 8, 8, 4, 5, False, torch.float32)
    made["x"][1, 2] = float("nan")
    y, _ = experts.expert_stage(**made, activation="relu")
    assert y.isnan().all(-1).tolist() == [False, True, False]
    assert bool(y[[0, 2]].isfinite().all())


@pytest.mark.parametrize("activation", SIGMA)
def test_activations_hold_far_from_zero(activation: str) -> None:
    """One expert and one feature: y is σ(x), and its slope the gradient, from tails to overflow."""
    x = torch.tensor([[-1e30], [-200.0], [-90.0], [-20.0], [-1e-30], [0.0], [1e-30], [20.0], [200.0], [1e30]])
    made = {"u": torch.ones(1, 1), "v": torch.ones(1, 1), "w": None, "x": x}
    made |= {"ids": torch.zeros(len(x), 1, dtype=torch.int64), "gates": torch.ones(len(x), 1)}
    y, products = experts.expert_stage(**made, activation=activation)
    dx, *_ = experts.expert_stage_backward(
        **made, products=products, dy=torch.ones(len(x), 1), activation=activation, needs_dx=True
    )
    wide = x.double().requires_grad_()
    expected = SIGMA[activation](wide)
    (slope,) = torch.autograd.grad(expected.sum(), wide)
    assert torch.allclose(y.double(), expected, rtol=1e-6, atol=1e-6)
    assert torch.allclose(dx.double(), slope, rtol=1e-6, atol=1e-6)
