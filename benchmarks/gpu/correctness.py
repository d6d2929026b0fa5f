"""Every kernel against float64 on fresh random inputs, and two runs against each other, in bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from book import Row
from sizes import Sizes
from torch import Tensor

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.selection import select
from peerspec.reference import Layer, PeerConfig, forward, gradients, select_two_stage

__all__ = ["correctness"]

SELECTIONS = ((64, 16), (1000, 16), (1024, 64), (4096, 64), (3, 9), (1, 1))
DRY_SELECTIONS = ((16, 4), (3, 9))
OPTIMISERS = {"SGD": RowSGD, "Adagrad": RowAdagrad, "Adam": LazyAdam}


def correctness(sizes: Sizes) -> Iterator[Row]:
    """Relative errors ‖got − right‖/‖right‖; for ids the share that differ."""
    dry = sizes.device == "cpu"
    for n, k in DRY_SELECTIONS if dry else SELECTIONS:
        yield selection(n, k, 4 if dry else 64, sizes.device)
    for dtype in sizes.dtypes if dry else (torch.float32, torch.bfloat16, torch.float16):
        for expert in ("mlp", "glu"):
            for key_heads in (1, 3):
                yield layer(dtype, expert, key_heads, sizes, dry=dry)
    for name, optimiser in OPTIMISERS.items():
        yield update(name, optimiser, sizes, dry=dry)


def selection(n: int, k: int, rows: int, device: str) -> Row:
    """Ids against those of the reference."""
    torch.manual_seed(n + k)
    halves = torch.randn(2, rows, n)
    _, ids = select(*halves.to(device), k)
    right = select_two_stage(*halves.numpy(), k).indices
    return {"what": f"select n={n} k={k}", "error": float((ids.cpu().numpy() != right).mean())}


def layer(dtype: torch.dtype, expert: str, key_heads: int, sizes: Sizes, *, dry: bool) -> Row:
    """y and all gradients against the reference in float64: the largest error and where it is."""
    experts, width, tokens = (36, 12, 5) if dry else (128**2, 200, 300)
    config = PeerConfig(width, 3, experts, 6, 16, expert=expert, key_heads=key_heads, d_out=width // 2)
    torch.manual_seed(0)
    module = PEER(config, device=sizes.device, dtype=dtype)
    x, dy = (torch.randn(tokens, size, device=sizes.device, dtype=dtype) for size in (width, width // 2))
    own = module.to_layer()
    right = {"y": forward(own, as_array(x, own)).y, **gradients(own, as_array(x, own), as_array(dy, own))}
    first, second = (backward(module, x, dy) for _ in range(2))
    errors = {name: relative(found, torch.from_numpy(right[name].astype("float64"))) for name, found in first.items()}
    worst = max(errors, key=errors.__getitem__)
    same = all(torch.equal(found, second[name]) for name, found in first.items())
    words = f"layer, {str(dtype)[6:]} {expert}, {'keys per head' if key_heads > 1 else 'one set of keys'}"
    return {"what": words, "error": errors[worst], "in": worst, "equal bits": same}


def relative(got: Tensor, right: Tensor) -> float:
    """‖got − right‖/‖right‖; infinite where anything is NaN."""
    error = float((got.double().cpu() - right).norm() / right.norm())
    return error if error == error else float("inf")


def as_array(tensor: Tensor, layer: Layer) -> Any:
    return tensor.cpu().float().numpy().astype(layer.params["keys"].dtype)


def backward(module: PEER, x: Tensor, dy: Tensor) -> dict[str, Tensor]:
    x = x.clone().requires_grad_()
    names, y = dict(module.named_parameters()), module(x)
    found = torch.autograd.grad(y, [x, *names.values()], dy)
    return {"y": y.detach(), **dict(zip(("x", *names), found, strict=True))}


def update(name: str, optimiser: Callable[..., torch.optim.Optimizer], sizes: Sizes, *, dry: bool) -> Row:
    """Two updates within the backward pass, by the kernels and by library operations."""
    experts, width, tokens = (36, 12, 5) if dry else (256**2, 200, 2048)
    config = PeerConfig(width, 3, experts, 6, 16)

    def updated() -> Tensor:
        torch.manual_seed(0)
        module = PEER(config, device=sizes.device, sparse_gradients=True)
        tables = [module.get_parameter(f"experts.{part}") for part in "uv"]
        kept = optimiser(tables, lr=0.01, in_backward=True)
        for _ in range(2):
            module(torch.randn(tokens, width, device=sizes.device)).square().sum().backward()
            kept.step()
        return torch.cat([table.detach() for table in tables], 1).double()

    got, again = updated(), updated()
    with library_operations():
        right = updated()
    return {"what": f"update by {name}", "error": relative(got, right.cpu()), "equal bits": torch.equal(got, again)}
