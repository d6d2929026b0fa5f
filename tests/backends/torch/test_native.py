"""The native core under torch: the same layer, through autograd and in compiled graphs."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from peerspec import native
from peerspec.backends.torch import PEER, backend
from peerspec.backends.torch import kernels as operators
from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.rows import gather_dot
from peerspec.conformance import check_backend
from peerspec.reference import PeerConfig

pytestmark = pytest.mark.skipif(not native.available(), reason=native.unavailable_reason())
CONFIG = PeerConfig(20, 2, 49, 5, 8, expert="glu", query_norm="layer")


def test_without_the_core_the_backend_conforms_as_well(monkeypatch):
    def absent(*arguments, **options):
        raise AssertionError("the core was called")

    for name in ("forward_at", "query", "retrieve", "expert_stage", "select"):
        monkeypatch.setattr(native, name, absent)
    with operators.library_operations():
        report = check_backend(backend, size="minimal")
    assert str(report.verdict) == "conformant"
    with pytest.raises(AssertionError, match="the core was called"):
        PEER(CONFIG)(torch.ones(3, 20))


def test_gradients_are_those_of_differences():
    config = PeerConfig(5, 2, 9, 3, 4, d_out=4, expert="glu", activation="silu")
    u, v, w = (torch.randn(9, width, dtype=torch.float64, requires_grad=True) for width in (5, 4, 5))
    x, gates = torch.randn(3, 5, dtype=torch.float64), torch.rand(3, 6, dtype=torch.float64)
    ids = torch.randint(9, (3, 6))

    def stage(u, v, w, x, gates):
        return expert_stage(config, {"experts.u": u, "experts.v": v, "experts.w": w}, x, ids, gates)

    assert torch.autograd.gradcheck(stage, (u, v, w, x.requires_grad_(), gates.requires_grad_()))


def test_gradients_of_queries_and_retrieval_are_those_of_differences():
    x, weight, bias = (torch.randn(shape, dtype=torch.float64) for shape in ((3, 5), (2, 6, 5), (2, 6)))
    assert torch.autograd.gradcheck(torch.ops.peerspec.query, [t.requires_grad_() for t in (x, weight, bias)])
    for heads in (1, 2):
        q, keys = torch.randn(3, 2, 6, dtype=torch.float64), torch.randn(heads, 2, 7, 3, dtype=torch.float64)
        inputs = q.requires_grad_(), keys.requires_grad_()
        assert torch.autograd.gradcheck(lambda q, keys: torch.ops.peerspec.retrieve(q, keys, 4)[0], inputs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_module_gives_a_token_the_same_bits_in_every_batch_and_on_any_number_of_threads(dtype):
    module, x = PEER(PeerConfig(20, 2, 49, 5, 8), dtype=dtype), torch.randn(70, 20, dtype=dtype)
    threads = torch.get_num_threads()
    try:
        with torch.no_grad():
            whole = module(x)
            for count, size in ((1, 70), (2, 1), (2, 17), (3, 33)):
                torch.set_num_threads(count)
                assert torch.equal(torch.cat([module(part) for part in x.split(size)]), whole)
    finally:
        torch.set_num_threads(threads)


def test_what_is_learnt_from_and_what_is_not_agree():
    module, x = PEER(PeerConfig(20, 2, 49, 5, 8)).double(), torch.randn(70, 20, dtype=torch.float64)
    with torch.no_grad():
        want = module.forward_with_routing(x)
    got = module.forward_with_routing(x)
    assert got.y.requires_grad
    assert torch.equal(got.indices, want.indices)
    assert torch.equal(got.scores, want.scores)
    torch.testing.assert_close(got.y, want.y)


def test_a_frozen_table_gets_no_gradient_and_costs_none(monkeypatch):
    module = PEER(CONFIG)
    for name in ("u", "v", "w"):
        module.get_parameter(f"experts.{name}").requires_grad_(False)
    monkeypatch.setattr(native, "sort_ids", lambda *arguments: pytest.fail("rows were sorted for nothing"))
    module(torch.randn(4, 20)).sum().backward()
    assert module.get_parameter("keys").grad is not None


@pytest.mark.parametrize(("tokens", "pairs", "experts"), [(6, 4, 4), (3, 20, 4), (0, 8, 9), (2, 300, 300)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_picked_twice_by_a_token_and_more_often_than_there_are_rows_have_their_products(
    tokens, pairs, experts, dtype
):
    table, x = torch.randint(-4, 5, (experts, 7), dtype=dtype), torch.randint(-4, 5, (tokens, 7), dtype=dtype)
    ids = torch.randint(experts, (tokens, pairs))
    assert torch.equal(gather_dot(table, ids, x), (table[ids] * x[:, None]).sum(-1))


@pytest.mark.parametrize("config", [CONFIG, PeerConfig(20, 2, 49, 5, 8)])
@pytest.mark.parametrize("paths", [("core", "library"), ("library", "core")])
def test_a_backward_pass_on_the_other_path_gives_the_same_gradients(config, paths):
    module, x = PEER(config).double(), torch.randn(6, 20, dtype=torch.float64)
    parameters = list(module.parameters())
    want = torch.autograd.grad(module(x).square().sum(), parameters)
    contexts = {"core": nullcontext, "library": operators.library_operations}
    with contexts[paths[0]]():
        loss = module(x).square().sum()
    with contexts[paths[1]]():
        got = torch.autograd.grad(loss, parameters)
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def test_tables_that_are_not_contiguous_take_library_operations():
    module, x = PEER(CONFIG), torch.randn(6, 20)
    want = module(x)
    table = module.get_parameter("experts.v")
    table.data = table.data.repeat(1, 2)[:, ::2].copy_(table.data)
    assert not table.is_contiguous()
    np.testing.assert_allclose(module(x).detach(), want.detach(), rtol=1e-4, atol=1e-5)
