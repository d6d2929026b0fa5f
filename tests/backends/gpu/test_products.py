"""Products of exact terms: what the kernel splits, and the queries and half scores that come of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peerspec.backends.gpu.parts import split_kernel
from peerspec.backends.torch.gpu.products import exact_half_scores, exact_parts, query
from peerspec.backends.torch.half_scores import half_scores as float32_half_scores


def split(x: torch.Tensor) -> torch.Tensor:
    """[R, 3, WIDTH], small parts first."""
    parts = torch.full((len(x), 3, x.shape[1]), float("nan"), dtype=torch.bfloat16)
    split_kernel[-(-x.numel() // 64),](x, parts, x.numel(), WIDTH=x.shape[1], BLOCK=64)
    return parts


def of_bits(bits: torch.Tensor) -> torch.Tensor:
    return (bits.to(torch.int64) << 16).to(torch.int32).view(torch.float32)


def test_three_bfloat16_numbers_are_a_float32_number() -> None:
    source = np.random.default_rng(0)
    bits = source.integers(0, 2**32, (37, 5), dtype=np.uint32)
    x = torch.from_numpy(bits.view(np.float32))
    x = torch.where(x.isfinite() & (x.abs() > 2.0**-100), x, 1.0)
    parts = split(x)
    exact = sum(of_bits(parts[:, i].view(torch.int16)).double() for i in range(3))
    assert torch.equal(exact, x.double())


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 0.0, -0.0, 3.4028234663852886e38, 1e-45, 2.0**-126])
def test_ends_of_the_range_are_not_lost(number: float) -> None:
    small, middle, large = of_bits(split(torch.tensor([[number]]))[0, :, 0].view(torch.int16)).double().tolist()
    assert small + middle + large == pytest.approx(number, rel=0, abs=2.0**-133)


def test_a_nan_stays_one_whatever_its_bits() -> None:
    bits = torch.tensor([[0x7F800001, 0x7FC00000, -0x7FFFFF]], dtype=torch.int32)
    parts = of_bits(split(bits.view(torch.float32)).view(torch.int16))
    assert parts.sum(1).isnan().all()


@pytest.mark.parametrize("key_heads", [1, 3])
@pytest.mark.parametrize("tokens", [1, 5])
def test_half_scores_are_those_of_float32_products(tokens: int, key_heads: int) -> None:
    torch.manual_seed(0)
    q, keys = torch.randn(tokens, 3, 8), torch.randn(key_heads, 2, 20, 4).bfloat16()
    room = torch.empty(2, 2 * tokens * 3 * 20)
    found, expected = (
        exact_half_scores(keys.repeat(1, 1, 1, 3), exact_parts(q), room[0]),
        float32_half_scores(keys.double(), q.double(), room[1].double()),
    )
    scale = float32_half_scores(keys.abs().double(), q.abs().double(), torch.empty_like(room[1]).double())
    assert found.dtype == torch.float32
    assert ((found - expected).abs() <= 12 * 2.0**-24 * scale).all()  # 3 · d/2 terms, rounded once each


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [False, True])
def test_queries_are_those_of_float32_products(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(5, 16).to(dtype).float(), torch.randn(2, 6, 16).to(dtype)
    own = torch.randn(2, 6).to(dtype) if bias else None
    expected = torch.einsum("td,hkd->thk", x.double(), weight.double()) + (0 if own is None else own.double())
    scale = torch.einsum("td,hkd->thk", x.abs().double(), weight.abs().double()) + 1
    found = query(x, weight, own)
    assert found.dtype == torch.float32
    assert ((found - expected).abs() <= 17 * 2.0**-24 * scale).all()
