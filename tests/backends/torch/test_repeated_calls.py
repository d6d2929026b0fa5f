"""A layer that is called again and again: what the calls share is never out of date."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from peerspec import native
from peerspec.backends.torch import PEER, inference
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference import InputError, PeerConfig, TableError, forward

CONFIG = PeerConfig(20, 2, 49, 5, 8, activation="silu")
WITH_CORE = pytest.mark.skipif(not native.available(), reason=native.unavailable_reason())


def answer(module: PEER, x: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return module(x)


def expected(module: PEER, x: torch.Tensor) -> torch.Tensor:
    with library_operations():
        return answer(module, x)


@pytest.mark.parametrize("name", ["keys", "query.weight", "experts.u", "experts.v"])
def test_new_values_and_new_memory_of_a_parameter_count_from_the_next_call_on(name):
    module, x = PEER(CONFIG, dtype=torch.float64), torch.randn(6, 20, dtype=torch.float64)
    before = answer(module, x)
    parameter = module.get_parameter(name)
    parameter.data.copy_(torch.randn_like(parameter))
    after = answer(module, x)
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, expected(module, x))
    parameter.data = torch.randn_like(parameter)
    torch.testing.assert_close(answer(module, x), expected(module, x))


def test_the_same_memory_in_another_shape_is_another_table():
    module, x = PEER(CONFIG), torch.randn(6, 20)
    answer(module, x)
    table = module.get_parameter("experts.v")
    table.data = table.data.view(49 * 2, 10)
    with pytest.raises(TableError, match=r"experts.v must have shape \(49, 20\), got \(98, 10\)"):
        answer(module, x)


def test_the_same_memory_under_another_configuration_is_another_layer():
    silu, x = PEER(CONFIG, dtype=torch.float64), torch.randn(6, 20, dtype=torch.float64)
    for changes in ({"activation": "relu"}, {"gate": "sigmoid"}, {"top_k": 3}):
        other = PEER(replace(CONFIG, **changes), dtype=torch.float64)
        other.load_state_dict(silu.state_dict(), assign=True)
        answer(silu, x)
        torch.testing.assert_close(answer(other, x), expected(other, x))


@WITH_CORE
def test_as_many_layers_as_a_program_likes_share_a_limited_memory(monkeypatch):
    monkeypatch.setattr(inference, "MAX_PREPARED", 3)
    x = torch.randn(2, 20)
    layers = [PEER(CONFIG) for _ in range(8)]
    for _ in range(2):
        for layer in layers:
            torch.testing.assert_close(answer(layer, x), expected(layer, x), rtol=1e-4, atol=1e-5)
            assert len(inference._PREPARED) <= 3


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda x: torch.cat([x, x], 1)[:, :20], id="a view with gaps"),
        pytest.param(lambda x: x.T.contiguous().T, id="columns"),
        pytest.param(lambda x: torch.complex(x, -x).conj().imag, id="a lazy sign"),
        pytest.param(lambda x: x[:0], id="no tokens"),
        pytest.param(lambda x: x[:1].expand(6, -1), id="one row for all"),
    ],
)
def test_tokens_in_any_order_of_memory(made):
    module, x = PEER(CONFIG, dtype=torch.float64), made(torch.randn(6, 20, dtype=torch.float64))
    want = forward(module.to_layer(), np.array(x.tolist()).reshape(x.shape)).y
    np.testing.assert_allclose(answer(module, x), want, rtol=1e-12, atol=1e-12)


def test_a_program_traced_without_derivatives_says_so_where_one_is_wanted():
    module, x = PEER(CONFIG), torch.randn(3, 20)
    with torch.no_grad():
        program = torch.export.export(module, (x,)).module()
    loss = program(x).sum()
    with pytest.raises(InputError, match="a program that was traced where none was wanted"):
        loss.backward()


def test_a_traced_program_whose_tables_changed_their_dtype_is_refused():
    module, x = PEER(CONFIG).requires_grad_(False), torch.randn(200, 20)
    program = torch.export.export(module, (x,)).module().double()
    for _ in range(20):  # a single write behind an array may do no visible harm
        with pytest.raises(InputError, match=r"x must be \[T, 20\] of compute dtype torch.float64, got torch.float32"):
            program(x)


@pytest.mark.parametrize(
    "x", [torch.ones(5, 4), torch.ones(20), torch.ones(2, 20, dtype=torch.int64), torch.ones(2, 20).double()]
)
@pytest.mark.parametrize("context", [nullcontext, library_operations])
def test_the_operator_itself_checks_its_tokens(x, context):
    tables = dict(PEER(CONFIG).requires_grad_(False).named_parameters())
    router = (tables["query.weight"], None, tables["keys"])
    arguments = (*router, tables["experts.u"], tables["experts.v"], None, x, 5, "softmax", "silu")
    with context(), pytest.raises(InputError, match=r"x must be \[T, 20\] of compute dtype torch.float32, got"):
        torch.ops.peerspec.forward(*arguments)


def test_an_ensemble_by_vmap_and_tokens_within_vmap_learn():
    layers, x = [PEER(CONFIG, dtype=torch.float64) for _ in range(3)], torch.randn(3, 5, 20, dtype=torch.float64)
    stacked, _ = torch.func.stack_module_state(layers)
    base = PEER(CONFIG, dtype=torch.float64, device="meta")
    torch.func.vmap(lambda params: torch.func.functional_call(base, params, (x[0],)))(stacked).square().sum().backward()
    for number, layer in enumerate(layers):
        layer(x[0]).square().sum().backward()
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(stacked[name].grad[number], parameter.grad)
    frozen, tokens = layers[0].requires_grad_(False), x.clone().requires_grad_()
    torch.func.vmap(frozen)(tokens).square().sum().backward()
    got, tokens.grad = tokens.grad, None
    frozen(tokens).square().sum().backward()
    torch.testing.assert_close(got, tokens.grad)
