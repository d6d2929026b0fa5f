"""The operators: what torch requires of each, on both paths, and which kernel its dispatcher chooses."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from support.paths import both_paths
from torch.library import opcheck

import peerspec.backends.torch
import peerspec.backends.torch.comparison
from peerspec import native
from peerspec.backends.torch import PEER, functional
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.touched import touched_rows
from peerspec.reference import PeerConfig

path = both_paths(library_operations)
ROOM = Path(peerspec.backends.torch.__file__).parent
OPS = torch.ops.peerspec
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
CONFIGS = [
    PeerConfig(12, 2, 100, 3, 6, d_out=7),
    PeerConfig(12, 2, 100, 3, 6, expert="glu", query_bias=True, query_norm="layer", key_heads=2, gate="sigmoid"),
]
Inputs = list[tuple[Any, ...]]


def router_inputs(dtype: torch.dtype) -> dict[str, Inputs]:
    compute_dtype = torch.promote_types(dtype, torch.float32)
    x, q, s1, s2 = (torch.randn(s, dtype=compute_dtype) for s in ((3, 5), (3, 2, 6), (4, 7), (4, 7)))
    weight, bias, keys = (torch.randn(s, dtype=dtype) for s in ((2, 6, 5), (2, 6), (1, 2, 3, 3)))
    for tensor in (q, s1, s2, weight, bias, keys):
        tensor.requires_grad_()
    dq, ids, dscores = torch.randn(3, 2, 6, dtype=compute_dtype), torch.randint(9, (3, 2, 4)), torch.randn(3, 2, 4)
    backward = (q.detach(), keys.detach(), ids, dscores.to(compute_dtype))
    masks = ([True, True, True], [False, True, False], [True, False, False])
    return {
        "query": [(x, weight, None), (x, weight, bias)],
        "query_backward": [(x, weight.detach(), dq, mask) for mask in masks],
        "retrieve": [(q, keys, 4)],
        "retrieve_backward": [backward],
        "select": [(s1, s2, 3)],
        "count_experts": [
            (torch.zeros(9, 2, dtype=torch.float64), ids, dscores.to(compute_dtype), mask)
            for mask in (None, torch.tensor(masks[1]))
        ],
    }


def expert_inputs(dtype: torch.dtype) -> dict[str, Inputs]:
    compute_dtype = torch.promote_types(dtype, torch.float32)
    u, v, w = (torch.randn(9, width, dtype=dtype) for width in (5, 4, 5))
    weight, keys = torch.randn(2, 6, 5, dtype=dtype), torch.randn(1, 2, 3, 3, dtype=dtype)
    x, gates, dy = (torch.randn(s, dtype=compute_dtype) for s in ((3, 5), (3, 6), (3, 4)))
    ids, learned = torch.randint(9, (3, 6)), [tensor.clone().requires_grad_() for tensor in (u, v, x, gates)]
    products = torch.randn(3, 2, 6, dtype=compute_dtype)
    return {
        "expert_stage": [
            (u, v, None, x, ids, gates, "gelu"),
            (*learned[:2], w, learned[2], ids, learned[3], "silu", False),
        ],
        "expert_stage_backward": [
            (u, v, None, x, ids, gates, products[:, :1].contiguous(), dy, "identity", True),
            (u, v, w, x, ids, gates, products, dy, "gelu_tanh", False),
        ],
        "forward": [(weight, weight[..., 0].contiguous(), keys, u, v, w, x, 3, "sigmoid", "silu")],
        "gather_dot": [(u, ids, x)],
        "gather_sum": [(v, ids, gates)],
        "value_sum": [(v, ids, gates), (learned[1], ids, learned[3], False)],
        "value_products": [(v, ids, dy)],
        "gates": [(products, "softmax"), (products, "sigmoid")],
        "base_map": [(x, u, None), (x, u, u[:, 0].contiguous()), (learned[2], u, None)],
        "batched_product": [(torch.randn(2, 3, 5), torch.randn(2, 5, 4))],
        "table_gradient": [(u, ids, gates, x, False)],
    }


def row_inputs(dtype: torch.dtype) -> dict[str, Inputs]:
    compute_dtype = torch.promote_types(dtype, torch.float32)
    ids, weights, x = torch.randint(9, (3, 6)), torch.randn(3, 6), torch.randn(3, 5)
    touched = touched_rows(ids, 9)
    factors = [touched.order, touched.starts, weights.to(compute_dtype), touched.places]
    state = [torch.rand(9, 5, dtype=compute_dtype) for _ in range(2)]
    found: dict[str, Inputs] = {
        "touched_rows": [(ids, 9)],
        "scatter_sum": [(*touched, weights.to(compute_dtype), x.to(compute_dtype))],
        "dense_gradient": [(torch.randn(9, 5, dtype=dtype), *touched, weights.to(compute_dtype), x.to(compute_dtype))],
        "sgd_rows": [],
        "adagrad_rows": [],
        "adam_rows": [],
    }
    summed = torch.randn(len(touched.rows), 5, dtype=compute_dtype)
    for gradient in ((touched.rows, summed, []), (touched.rows, x.to(compute_dtype), factors)):
        table = torch.randn(9, 5, dtype=dtype)
        found["sgd_rows"].append((table, *gradient, 0.1))
        found["adagrad_rows"].append((table, state[0][:, 0].contiguous(), *gradient, 0.1, 1e-10))
        found["adam_rows"].append((table, *state, *gradient, 0.1, 0.9, 0.99, 1e-8, 3))
    return found


def all_inputs(dtype: torch.dtype) -> dict[str, Inputs]:
    torch.manual_seed(0)
    return router_inputs(dtype) | expert_inputs(dtype) | row_inputs(dtype)


NAMES = list(all_inputs(torch.float32))
LIBRARY_ALONE = {
    "query_backward", "gather_dot", "gather_sum", "table_gradient", "base_map", "batched_product",
    "value_products",
}  # fmt: skip


def test_every_operator_of_the_namespace_is_checked_here():
    found = {name for name in torch._C._dispatch_get_all_op_names() if name.startswith("peerspec::")}
    assert found == {f"peerspec::{name}" for name in NAMES}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_each_operator_is_what_torch_requires_of_operators(name, dtype):
    for inputs in all_inputs(dtype)[name]:
        opcheck(getattr(OPS, name).default, inputs, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_both_kernels_of_the_cpu_give_results_of_the_same_shapes_and_dtypes(name, dtype):
    for inputs in all_inputs(dtype)[name]:
        here = getattr(OPS, name)(*inputs)
        with library_operations():
            other = getattr(OPS, name)(*inputs)
        flat = [[each] if isinstance(each, torch.Tensor) else list(each or []) for each in (here, other)]
        assert [(tensor.shape, tensor.dtype) for tensor in flat[0]] == [(t.shape, t.dtype) for t in flat[1]]


def test_one_file_alone_asks_whether_the_core_can_run():
    asking = ("is_supported", "native.available", "unavailable_reason")
    files = {file.name for file in ROOM.rglob("*.py") if any(word in file.read_text("utf-8") for word in asking)}
    assert files == {"kernels.py"}


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_for_another_device_is_reached_and_needs_nothing_but_its_registration(name):
    operator = getattr(OPS, name).default
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"peerspec::{name}", "CompositeExplicitAutograd")
    assert not torch._C._dispatch_has_kernel_for_dispatch_key(f"peerspec::{name}", "XPU")
    reached: list[str] = []

    def kernel(*arguments: Any) -> Any:
        reached.append(name)
        with library_operations():
            return operator(*arguments)

    with torch.library._scoped_library("peerspec", "IMPL") as library, torch.no_grad():
        library.impl(name, kernel, "XPU")
        key = torch._C.DispatchKeySet(torch._C.DispatchKey.XPU)
        operator.redispatch(key, *all_inputs(torch.float32)[name][0])
    assert reached == [name]


def test_the_whole_layer_calls_the_operators_of_its_stages_where_it_has_no_kernel_of_its_own(monkeypatch):
    called: list[str] = []

    def recorded(name: str, stage: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        called.append(name)
        return stage(*arguments, **options)

    module, x = PEER(CONFIGS[0]), torch.randn(5, 12)
    for name in ("forward_at", "query", "retrieve", "expert_stage"):
        monkeypatch.setattr(native, name, partial(recorded, name, getattr(native, name)))
    with torch.no_grad():
        want = module(x)
        core, called[:] = bool(called), []
        # of a table that is not contiguous the core takes neither the layer nor the expert stage
        table = module.get_parameter("experts.v")
        table.data = table.data.repeat(1, 2)[:, ::2].copy_(table.data)
        torch.testing.assert_close(module(x), want, rtol=1e-4, atol=1e-5)
    assert called == (["query", "retrieve"] if core else [])


@pytest.mark.skipif(not native.available(), reason=native.unavailable_reason())
@pytest.mark.parametrize("name", sorted(set(NAMES) - LIBRARY_ALONE))
def test_the_core_has_a_kernel_on_the_cpu(name):
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"peerspec::{name}", "CPU")


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("learning", [False, True])
def test_vmap_of_a_layer_over_tokens_is_one_call_after_another(config, axis, learning):
    module, x = PEER(config, dtype=torch.float64), torch.randn(4, 3, 12, dtype=torch.float64)
    with torch.set_grad_enabled(learning):
        got, want = torch.vmap(module, in_dims=axis, out_dims=axis)(x), module(x)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    assert got.requires_grad == learning
    if learning:
        found, wanted = (torch.autograd.grad(y.square().sum(), list(module.parameters())) for y in (got, want))
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def test_vmap_of_the_selection_folds_both_halves():
    scores = torch.randn(2, 5, 3, 7)
    got = torch.vmap(partial(functional.select, k=4), in_dims=(0, 1), out_dims=0)(scores[0], scores[1].transpose(0, 1))
    want = functional.select(*scores, 4)
    assert torch.equal(got.scores, want.scores)
    assert torch.equal(got.indices, want.indices)
    one = torch.vmap(partial(functional.select, k=4), in_dims=(0, None))(scores[0], scores[1, 0])
    assert torch.equal(one.indices[2], functional.select(scores[0, 2], scores[1, 0], 4).indices)


def test_the_selection_has_every_derivative():
    halves = [torch.randn(3, 7, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda a, b: functional.select(a, b, 5).scores, halves)
    assert torch.autograd.gradgradcheck(lambda a, b: functional.select(a, b, 5).scores ** 3, halves)
