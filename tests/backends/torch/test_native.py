"""The native core under torch: the same layer, through autograd and in compiled graphs."""

import numpy as np
import pytest
import torch

from peerspec.backends import native
from peerspec.backends.torch import PEER, backend
from peerspec.backends.torch import native as operators
from peerspec.conformance import check_backend
from peerspec.reference import PeerConfig

pytestmark = pytest.mark.skipif(not native.available(), reason=native.why_not())
CONFIG = PeerConfig(20, 2, 49, 5, 8, expert="glu", query_norm="layer")


def test_without_the_core_the_backend_conforms_as_well(monkeypatch):
    def absent(*arguments, **options):
        raise AssertionError("the core was called")

    monkeypatch.setattr(native, "mix", absent)
    monkeypatch.setattr(native, "select", absent)
    with operators.library_operations():
        report = check_backend(backend, size="minimal")
    assert report.verdict == "conformant"
    with pytest.raises(AssertionError, match="the core was called"):
        PEER(CONFIG)(torch.ones(3, 20))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_the_operators_are_what_torch_asks_of_operators(dtype, expert):
    inside = torch.float64 if dtype == torch.float64 else torch.float32
    u, v, w = torch.randn(9, 5, dtype=dtype), torch.randn(9, 4, dtype=dtype), torch.randn(9, 5, dtype=dtype)
    x, gates = torch.randn(3, 5, dtype=inside), torch.rand(3, 6, dtype=inside)
    for tensor in (u, v, w, x, gates):
        tensor.requires_grad_()
    ids = torch.randint(9, (3, 6))
    torch.library.opcheck(
        torch.ops.peerspec.mix.default, (u, v, w if expert == "glu" else None, x, ids, gates, "gelu"), rtol=0, atol=0
    )
    scores = torch.randn(2, 4, 7, dtype=inside)
    torch.library.opcheck(torch.ops.peerspec.select.default, (scores[0], scores[1], 3))


def test_gradients_are_those_of_differences():
    u, v, w = (torch.randn(9, 5, dtype=torch.float64, requires_grad=True) for _ in "uvw")
    x, gates = torch.randn(3, 5, dtype=torch.float64), torch.rand(3, 6, dtype=torch.float64)
    ids = torch.randint(9, (3, 6))
    inputs = (u, v, w, x.requires_grad_(), ids, gates.requires_grad_(), "silu")
    assert torch.autograd.gradcheck(torch.ops.peerspec.mix, inputs)


def test_the_operators_keep_their_place_in_one_compiled_graph():
    u, v, x = (torch.randn(9, 5, requires_grad=True) for _ in range(3))
    scores = torch.randn(2, 9, 3)

    def stage(x):
        ids = torch.ops.peerspec.select(*scores, 4)
        return torch.ops.peerspec.mix(u, v, None, x, ids, torch.ones(9, 4), "gelu")

    want, got = stage(x), torch.compile(stage, fullgraph=True, backend="aot_eager")(x)
    assert torch.equal(got, want)
    for gradient, expected in zip(*(torch.autograd.grad(y.sum(), [u, v, x]) for y in (got, want)), strict=True):
        assert torch.equal(gradient, expected)


def test_a_frozen_table_gets_no_gradient_and_costs_none(monkeypatch):
    module = PEER(CONFIG)
    for name in ("u", "v", "w"):
        module.get_parameter(f"experts.{name}").requires_grad_(False)
    monkeypatch.setattr(native, "sort_ids", lambda *arguments: pytest.fail("rows were sorted for nothing"))
    module(torch.randn(4, 20)).sum().backward()
    assert module.get_parameter("keys").grad is not None


def test_tables_that_are_not_contiguous_take_library_operations():
    module, x = PEER(CONFIG), torch.randn(6, 20)
    want = module(x)
    table = module.get_parameter("experts.v")
    table.data = table.data.repeat(1, 2)[:, ::2].copy_(table.data)
    assert not table.is_contiguous()
    np.testing.assert_allclose(module(x).detach(), want.detach(), rtol=1e-4, atol=1e-5)
