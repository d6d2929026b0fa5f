"""The torch layer over the kernels, interpreted: whatever order programs run in, under compile and checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import gcd

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from triton.runtime.interpreter import GridExecutor, interpreter_builder

from peerspec.backends import BackendError
from peerspec.backends.gpu import settings
from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD
from peerspec.backends.torch.kernels import interpreted
from peerspec.reference import PeerConfig

CONFIG = PeerConfig(d_model=16, heads=2, num_experts=36, top_k=5, d_key=8, expert="glu", query_norm="batch")
TOKENS = 33


def layer(seed: int = 0, **options: bool) -> PEER:
    torch.manual_seed(seed)
    return PEER(CONFIG, **options)


def tokens() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(TOKENS, CONFIG.d_model, requires_grad=True)


def gradients(module: Callable[[Tensor], Tensor], parameters: list[Tensor]) -> list[Tensor]:
    """y, and the gradients of the tokens and the parameters."""
    x = tokens()
    y = module(x)
    return [y.detach(), *torch.autograd.grad(y.square().sum(), [x, *parameters])]


@pytest.fixture
def kernels() -> Iterator[None]:
    with interpreted():
        yield


class Counted:
    """Programs in another order: number i of them runs as number (i·step + 1) mod the number of programs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moved, self._set = 0, interpreter_builder.set_grid_idx
        monkeypatch.setattr(interpreter_builder, "set_grid_idx", self.set_grid_idx)

    def set_grid_idx(self, x: int, y: int, z: int) -> None:
        width, height, depth = interpreter_builder.grid_dim
        total, number = width * height * depth, (x * height + y) * depth + z
        step = next(step for step in range(max(2, total // 2), 2 * total + 3) if gcd(step, total) == 1)
        other = (number * step + 1) % total
        self.moved += other != number
        self._set(other // (height * depth), other // depth % height, other % depth)


def everything(optimiser: type) -> list[Tensor]:
    """All results of one training step, with updates of rows within the backward pass."""
    module = layer(sparse_gradients=True)
    module.train()
    step = optimiser([module.get_parameter(f"experts.{name}") for name in "uvw"], lr=0.1, in_backward=True)
    x = tokens()
    y = module(x)
    y.square().sum().backward()
    state = [value for own in step.state.values() for value in own.values() if isinstance(value, Tensor)]
    assert x.grad is not None
    return [y.detach(), x.grad, *(p.detach() for p in module.parameters()), *state]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("optimiser", [RowSGD, RowAdagrad, LazyAdam])
def test_programs_in_another_order_give_equal_bits(optimiser: type, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = everything(optimiser)
    counted = Counted(monkeypatch)
    got = everything(optimiser)
    assert counted.moved > 100
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.usefixtures("kernels")
def test_dense_gradients_in_another_order_have_equal_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    module = layer().train()
    expected = gradients(module, list(module.parameters()))
    counted = Counted(monkeypatch)
    got = gradients(module, list(module.parameters()))
    assert counted.moved > 100
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("way", ["compile", "checkpoint"])
def test_the_compiled_and_the_recomputed_layer_have_equal_bits(way: str) -> None:
    module = layer().train()
    parameters = list(module.parameters())
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "compile": torch.compile(module, fullgraph=True, backend="aot_eager"),
        "checkpoint": lambda x: checkpoint(module, x, use_reentrant=False),
    }
    expected = gradients(module, parameters)
    assert all(torch.equal(a, b) for a, b in zip(gradients(ways[way], parameters), expected, strict=True))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("count", [0, 1])
def test_no_token_and_one_token(count: int) -> None:
    module = PEER(PeerConfig(d_model=16, heads=2, num_experts=36, top_k=5, d_key=8))
    x = torch.randn(count, 16, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


@pytest.mark.usefixtures("kernels")
def test_autocast_and_strides_do_not_change_a_bit() -> None:
    module = layer().eval()
    x = tokens().detach()
    expected = module(x)
    spread = torch.randn(TOKENS, 2 * CONFIG.d_model)
    spread[:, ::2] = x
    assert torch.equal(module(spread[:, ::2]), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(x), expected)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            PermissionError(13, "Permission denied", "/cache/triton"),
            r"^Triton cannot write a compiled kernel to its cache: .*'/cache/triton'; set TRITON_CACHE_DIR to a folder",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "/usr/bin/cc"),
            r"^Triton cannot compile a kernel: .*'/usr/bin/cc'; install what is missing$",
        ),
        (
            RuntimeError("Failed to find C compiler. Please specify via CC environment variable."),
            r"^Triton [\d.]+ compiles its launcher with a C compiler and finds none; install gcc, or a version",
        ),
    ],
)
def test_what_triton_lacks_is_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(GridExecutor, "__call__", lambda *_, **__: refused())
    with pytest.raises(BackendError, match=expected):
        layer().eval()(tokens())


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_no_bit_of_a_narrow_layer(dtype: torch.dtype) -> None:
    module, x = PEER(replace(CONFIG, query_norm="none"), dtype=dtype), tokens().detach().to(dtype)
    with torch.no_grad():
        expected = module(x)
        with torch.autocast("cpu", torch.float16 if dtype == torch.bfloat16 else torch.bfloat16):
            assert torch.equal(module(x), expected)


def test_few_numbers_of_tokens_need_kernels_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "INTERPRETED", False)
    for width in (256, 1024):
        tiles = {settings.stage_tiles(width, tokens, 128) for tokens in range(1, 1200)}
        assert len(tiles) <= 6
