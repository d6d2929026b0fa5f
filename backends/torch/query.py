"""Queries: h independent linear maps of the token (SPEC.md, QRY-1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec import native
from peerspec.backends.torch import plain
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gpu.limits import fits_query
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.precision import full_precision

__all__ = ["query"]


def query(params: Mapping[str, Tensor], x: Float[Tensor, "T D"], *, narrow: bool = False) -> Float[Tensor, "T h d"]:
    """q[t,h,:] = W_h x_t + b_h, in the compute dtype; before the query norm.

    ``narrow`` says that the dtype of the weight holds every number of ``x``, so that a product of both is exact.
    """
    weight, bias = params["query.weight"], params.get("query.bias")
    if plain.needs_plain():
        return plain.query(x, weight, bias)
    q: Tensor = _query(x, weight, bias, narrow)
    return q


def _by_library(x: Tensor, weight: Tensor, bias: Tensor | None, narrow: bool = False) -> Tensor:
    x = x.to(COMPUTE_DTYPES[x.dtype])
    flat = weight.flatten(0, 1).to(x.dtype)
    with full_precision(x.device.type):
        q = torch.bmm(x[None], flat[None].mT).view(len(x), *weight.shape[:2])
    return q if bias is None else q + bias.to(x.dtype)


def _by_core(x: Tensor, weight: Tensor, bias: Tensor | None, narrow: bool = False) -> Tensor:
    keys = weight.new_empty(1, 2, 1, weight.shape[1] // 2)  # the core reads only their sizes
    router = native.RouterTables(to_array(weight), to_array(keys), 1, None if bias is None else to_array(bias))
    tokens = to_array(x.to(COMPUTE_DTYPES[x.dtype]))
    return to_tensor(native.query(router, tokens, threads=torch.get_num_threads()))


def _by_gpu(x: Tensor, weight: Tensor, bias: Tensor | None, narrow: bool = False) -> Tensor:
    from peerspec.backends.torch.gpu.products import query

    return query(x, weight, bias)


_query = torch.library.custom_op(
    "peerspec::query",
    _by_library,
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor? bias, bool narrow=False) -> Tensor",
)
register_kernels(_query, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_query), tables=(1, 2))
fold_batches(_query, tokens=(0,))


@_query.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, narrow: bool = False) -> Tensor:
    return x.new_empty(x.shape[0], *weight.shape[:2], dtype=COMPUTE_DTYPES[x.dtype])


@torch.library.custom_op(
    "peerspec::query_backward",
    mutates_args=(),
    schema="(Tensor x, Tensor weight, Tensor dq, bool[] needed) -> (Tensor, Tensor, Tensor)",
)
def _query_backward(x: Tensor, weight: Tensor, dq: Tensor, needed: Sequence[bool]) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, weight and bias; empty where not needed."""
    flat = dq.flatten(1)
    dx, dweight, dbias = (x.new_empty(0) for _ in needed)
    with full_precision(x.device.type):
        if needed[0]:
            dx = (flat @ weight.flatten(0, 1).to(dq.dtype)).to(x.dtype)
        if needed[1]:
            dweight = (flat.T @ x.to(dq.dtype)).view(weight.shape)
    if needed[2]:
        dbias = dq.sum(0)
    return dx, dweight.to(weight.dtype), dbias.to(weight.dtype)


@_query_backward.register_fake
def _(x: Tensor, weight: Tensor, dq: Tensor, needed: Sequence[bool]) -> tuple[Tensor, Tensor, Tensor]:
    shapes = x.shape, weight.shape, weight.shape[:2]
    dtypes = x.dtype, weight.dtype, weight.dtype
    found = (
        x.new_empty(shape if need else (0,), dtype=dtype)
        for shape, dtype, need in zip(shapes, dtypes, needed, strict=True)
    )
    dx, dweight, dbias = found
    return dx, dweight, dbias


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])


def _backward(ctx: Any, dq: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad[:3])
    if plain.needs_plain_backward(dq):
        return *plain.gradients(plain.query, ctx.saved_tensors, needed, dq), None
    found = _query_backward(*ctx.saved_tensors[:2], dq, needed)
    return *(gradient if need else None for gradient, need in zip(found, needed, strict=True)), None


_query.register_autograd(_backward, setup_context=_setup_context)
