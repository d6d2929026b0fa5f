"""Transformations of torch.func, forward mode, and derivatives of derivatives."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

from peerspec.backends.torch import PEER, RowSGD
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.optim import UpdateError
from peerspec.reference import PeerConfig

CONFIG = PeerConfig(d_model=6, heads=2, num_experts=16, top_k=3, d_key=4, d_out=5, query_bias=True)
CONFIGS = {
    "plain": {},
    "GLU, keys per head": {"expert": "glu", "key_heads": 2, "activation": "silu"},
    "layer norm, sigmoid": {"query_norm": "layer", "gate": "sigmoid", "activation": "gelu_tanh"},
    "batch norm, identity": {"query_norm": "batch", "activation": "identity"},
}
DIFFERENTIATING = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
"""torch's own warning, on its first tangent."""


@pytest.fixture(params=["core", "library"], autouse=True)
def path(request: pytest.FixtureRequest) -> Any:
    with library_operations() if request.param == "library" else nullcontext():
        yield


@pytest.fixture(params=CONFIGS)
def layer(request: pytest.FixtureRequest) -> PEER:
    torch.manual_seed(0)
    return PEER(replace(CONFIG, **CONFIGS[request.param]), dtype=torch.float64)


def tokens(*lead: int) -> Tensor:
    return torch.randn(*lead, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def frozen(layer: PEER) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in layer.named_parameters()}


def loss_of(layer: PEER) -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    return lambda params, x: functional_call(layer, params, (x,)).square().sum()


@pytest.mark.stack("torch", "`torch.func`", "`grad`")
def test_grad_is_the_backward_pass(layer: PEER) -> None:
    layer.eval()  # as in torch's own batch norm, a transformation must not write to buffers
    x = tokens(4)
    found = grad(loss_of(layer))(frozen(layer), x)
    expected = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    for gradient, right in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(gradient, right)


@pytest.mark.stack("torch", "`torch.func`", "`vmap` of `grad`: gradients of each sample")
def test_gradients_of_each_sample_are_those_of_the_samples_alone(layer: PEER) -> None:
    layer.eval()
    x, params = tokens(4, 3), frozen(layer)
    found = vmap(grad(loss_of(layer)), in_dims=(None, 0))(params, x)
    for i, sample in enumerate(x):
        for name, right in grad(loss_of(layer))(params, sample).items():
            torch.testing.assert_close(found[name][i], right)


@pytest.mark.stack("torch", "`torch.func`", "`functional_call`, `stack_module_state`: ensembles")
def test_an_ensemble_is_its_members_one_by_one(layer: PEER) -> None:
    x = tokens(4)
    members = [frozen(layer), {name: 2 * tensor for name, tensor in frozen(layer).items()}]
    stacked = {name: torch.stack([member[name] for member in members]) for name in members[0]}
    layer.eval()
    with torch.no_grad():
        y = vmap(lambda params: functional_call(layer, params, (x,)))(stacked)
    gradients = vmap(grad(loss_of(layer)), in_dims=(0, None))(stacked, x)
    for i, member in enumerate(members):
        torch.testing.assert_close(y[i], functional_call(layer, member, (x,)))
        for name, right in grad(loss_of(layer))(member, x).items():
            torch.testing.assert_close(gradients[name][i], right)


@pytest.mark.stack("torch", "`torch.func`", "`jacrev`, `jacfwd`")
@DIFFERENTIATING
def test_jacobians_agree_in_both_modes(layer: PEER) -> None:
    layer.eval()
    x = tokens(2)
    expected = torch.autograd.functional.jacobian(layer, x)
    torch.testing.assert_close(jacrev(layer)(x), expected)
    torch.testing.assert_close(jacfwd(layer)(x), expected)
    assert torch.equal(layer(x), vmap(layer)(x[:, None])[:, 0])


@pytest.mark.stack("torch", "`torch.func`", "`jvp`")
@DIFFERENTIATING
def test_tangents_are_finite_differences(layer: PEER) -> None:
    layer.eval()
    x, params = tokens(3), frozen(layer)
    direction = {name: torch.randn_like(tensor) for name, tensor in params.items()}
    step = 1e-6

    def y(params: dict[str, Tensor]) -> Tensor:
        return functional_call(layer, params, (x,))

    found = jvp(y, (params,), (direction,))
    # y is rounded by less than 2⁻⁴⁶, and a third of the third derivative times the square of the step is less
    sides = [y({name: params[name] + sign * step * direction[name] for name in params}) for sign in (1, -1)]
    torch.testing.assert_close(found[0], y(params))
    torch.testing.assert_close(found[1], (sides[0] - sides[1]) / (2 * step), rtol=0, atol=2**-46 / step)
    with forward_ad.dual_level(), torch.no_grad():
        dual = layer(forward_ad.make_dual(x, torch.ones_like(x)))
        tangent = forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(tangent, jvp(layer, (x,), (torch.ones_like(x),))[1])


@pytest.mark.stack("torch", "`torch.func`", "`hessian`")
@DIFFERENTIATING
def test_hessians_are_jacobians_of_gradients(layer: PEER) -> None:
    layer.eval()
    x = tokens(2)

    def loss(x: Tensor) -> Tensor:
        return layer(x).square().sum()

    torch.testing.assert_close(hessian(loss)(x), jacrev(grad(loss))(x))
    torch.testing.assert_close(hessian(loss)(x), torch.autograd.functional.hessian(loss, x))


@pytest.mark.stack("torch", "double backward", "`create_graph=True`: gradient penalties")
def test_every_gradient_can_be_differentiated_again(layer: PEER) -> None:
    layer = PEER(replace(layer.config, d_model=3, d_out=2, num_experts=9, top_k=2), dtype=torch.float64)
    names, parameters = zip(*layer.named_parameters(), strict=True)
    x = tokens(3)[:, :3].clone().requires_grad_()  # small, because the check changes one number at a time

    def y(x: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    assert gradcheck(y, (x, *parameters))
    assert gradgradcheck(y, (x, *parameters), fast_mode=True)  # products with random vectors, not all of the matrix


def test_a_tied_table_has_the_sum_of_both_gradients_also_when_they_are_differentiated_again() -> None:
    torch.manual_seed(0)
    layer, x = PEER(replace(CONFIG, d_out=6), dtype=torch.float64), tokens(4)
    layer.experts.v = layer.experts.u
    [once] = torch.autograd.grad(layer(x).square().sum(), [layer.experts.u])
    [again] = torch.autograd.grad(layer(x).square().sum(), [layer.experts.u], create_graph=True)
    torch.testing.assert_close(once, again)


@pytest.mark.stack("torch", "double backward", "beside an update within the backward pass", refused=True)
def test_a_table_that_an_optimiser_updates_within_the_backward_pass_has_no_second_derivative() -> None:
    layer = PEER(CONFIG)
    before = layer.experts.u.detach().clone()
    optimiser = RowSGD(layer.experts.parameters(), lr=0.1, in_backward=True)
    with pytest.raises(UpdateError, match="create_graph=True cannot update expert tables"):
        layer(tokens(2).float()).sum().backward(create_graph=True)
    assert torch.equal(layer.experts.u, before)
    del optimiser


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_of_narrow_tables_are_summed_in_float32(dtype: torch.dtype) -> None:
    """Every token selects the same experts: a narrow sum of so many terms would stop growing."""
    torch.manual_seed(0)
    layer = PEER(PeerConfig(d_model=6, heads=1, num_experts=4, top_k=4, d_key=4), dtype=dtype)
    x = torch.randn(2048, 6).to(dtype)
    parameters = list(layer.parameters())
    right = torch.autograd.grad((layer(x).float() * 1e-2).sum(), parameters)
    found = torch.autograd.grad((layer(x).float() * 1e-2).sum(), parameters, create_graph=True)
    by_func = grad(lambda params: (functional_call(layer, params, (x,)).float() * 1e-2).sum())(frozen(layer))
    for expected, again, other in zip(right, found, by_func.values(), strict=True):
        scale = expected.float().abs().max()
        assert (again.float() - expected.float()).abs().max() <= 2 * torch.finfo(dtype).eps * scale
        assert (other.float() - expected.float()).abs().max() <= 2 * torch.finfo(dtype).eps * scale


def test_autocast_changes_no_bit_of_a_gradient_that_can_be_differentiated_again(layer: PEER) -> None:
    layer = layer.float()
    x = tokens(4).float()
    parameters = list(layer.parameters())
    expected = torch.autograd.grad(layer(x).sum(), parameters, create_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(layer(x).sum(), parameters, create_graph=True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@DIFFERENTIATING
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler's own
def test_a_compiled_tangent_is_the_tangent(layer: PEER) -> None:
    layer.eval()
    x = tokens(3)
    expected = jvp(layer, (x,), (torch.ones_like(x),))[1]
    compiled = torch.compile(lambda x: jvp(layer, (x,), (torch.ones_like(x),))[1], backend="aot_eager")
    torch.testing.assert_close(compiled(x), expected)


def test_vectorised_jacobians_are_those_of_loops(layer: PEER) -> None:
    layer.eval()
    x = tokens(2)
    jacobian = torch.autograd.functional.jacobian
    torch.testing.assert_close(jacobian(layer, x, vectorize=True), jacobian(layer, x))
