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
USUAL, DRY = (300, 200, 128**2), (5, 12, 36)
"""T, D and N."""
UNUSUAL = {
    "few tokens, odd width": (7, 1001, 128**2),
    "tokens in chunks": (2048, 32, 1024**2),
    "many experts": (64, 16, 2048**2),
}
LARGE = (64, 520, 2048**2)
"""The tables have more than 2³¹ numbers."""


def correctness(sizes: Sizes) -> Iterator[Row]:
    """Relative errors ‖got − right‖/‖right‖; for ids the share that differ."""
    dry = sizes.device == "cpu"
    for n, k in DRY_SELECTIONS if dry else SELECTIONS:
        yield selection(n, k, 4 if dry else 64, sizes.device)
    for dtype in sizes.dtypes if dry else (torch.float32, torch.bfloat16, torch.float16):
        for expert in ("mlp", "glu"):
            for key_heads in (1, 3):
                config = layer_config(DRY if dry else USUAL, expert=expert, key_heads=key_heads)
                name = f"{expert}, {'keys per head' if key_heads > 1 else 'one set of keys'}"
                yield layer(name, config, (DRY if dry else USUAL)[0], dtype, sizes.device)
    for name, point in {"few tokens": (1, 13, 36)}.items() if dry else UNUSUAL.items():
        for dtype in sizes.dtypes:
            yield layer(name, layer_config(point), point[0], dtype, sizes.device)
    yield large(DRY if dry else LARGE, sizes.device)
    for name, optimiser in OPTIMISERS.items():
        yield update(name, optimiser, sizes, dry=dry)


def layer_config(point: tuple[int, int, int], **options: Any) -> PeerConfig:
    """Three heads, six experts each."""
    _, width, experts = point
    return PeerConfig(width, 3, experts, 6, 16, d_out=max(1, width // 2), **options)


def selection(n: int, k: int, rows: int, device: str) -> Row:
    """Ids against those of the reference."""
    torch.manual_seed(n + k)
    halves = torch.randn(2, rows, n)
    _, ids = select(*halves.to(device), k)
    right = select_two_stage(*halves.numpy(), k).indices
    return {"what": f"select n={n} k={k}", "error": float((ids.cpu().numpy() != right).mean())}


def layer(name: str, config: PeerConfig, tokens: int, dtype: torch.dtype, device: str) -> Row:
    """y and all gradients against the reference in float64: the largest error and where it is."""
    module, x, dy = inputs(config, tokens, dtype, device)
    own = module.to_layer()
    routed = forward(own, as_array(x, own))
    right = {"y": routed.y, **gradients(own, as_array(x, own), as_array(dy, own))}
    first, second = (backward(module, x, dy) for _ in range(2))
    errors = {name: relative(found, torch.from_numpy(right[name].astype("float64"))) for name, found in first.items()}
    with torch.no_grad():
        ids = module.forward_with_routing(x).indices.cpu().numpy()
    # a legal choice between two near scores changes more than any rounding does
    others = float((ids != routed.indices).mean())
    words = f"layer, {str(dtype)[6:]} {name}"
    return {"what": words, **worst_of(errors), "other ids": others, "equal bits": same(first, second)}


def large(point: tuple[int, int, int], device: str) -> Row:
    """y and all gradients of a layer too large for the reference, against library operations on the device."""
    module, x, dy = inputs(layer_config(point), point[0], torch.bfloat16, device)
    with library_operations():
        right = backward(module, x, dy)
    first = backward(module, x, dy)
    errors = {name: relative(found, right[name]) for name, found in first.items()}
    del right
    bits = same(first, backward(module, x, dy))
    return {"what": f"layer, bfloat16, tables of {point[1] * point[2]:,}", **worst_of(errors), "equal bits": bits}


def inputs(config: PeerConfig, tokens: int, dtype: torch.dtype, device: str) -> tuple[PEER, Tensor, Tensor]:
    """A module, x and dy."""
    torch.manual_seed(0)
    module = PEER(config, device=device, dtype=dtype)
    x, dy = (torch.randn(tokens, size, device=device, dtype=dtype) for size in (config.d_model, config.d_out))
    return module, x, dy


def worst_of(errors: dict[str, float]) -> Row:
    worst = max(errors, key=errors.__getitem__)
    return {"error": errors[worst], "in": worst}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(found, second[name]) for name, found in first.items())


def relative(got: Tensor, right: Tensor) -> float:
    """‖got − right‖/‖right‖; infinite where anything is NaN."""
    got = got if right.is_cuda else got.double().cpu()
    of_error, of_right = (torch.linalg.vector_norm(each, dtype=torch.float64) for each in (got - right, right))
    error = float(of_error / of_right)
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
