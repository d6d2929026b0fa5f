"""The tools that people train with: each does to this layer what it does to any other module."""

import copy
import io
import pickle

import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR
from torch.utils.checkpoint import checkpoint

from peerspec.backends.torch import PEER, RowAdagrad, RowSGD
from peerspec.reference import PeerConfig

CONFIG = PeerConfig(12, 2, 100, 3, 6, expert="glu", query_bias=True, query_norm="batch")


def layer(*, sparse: bool = False, seed: int = 0) -> PEER:
    torch.manual_seed(seed)
    return PEER(CONFIG, sparse_gradients=sparse)


def batch(seed: int = 1) -> torch.Tensor:
    return torch.randn(8, 12, generator=torch.Generator().manual_seed(seed))


def gradients(module: torch.nn.Module) -> list[torch.Tensor]:
    found = [parameter.grad for parameter in module.parameters()]
    return [gradient.to_dense() if gradient.is_sparse else gradient for gradient in found]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.stack("torch", "autocast", "a model with this layer")
def test_autocast_of_a_model_narrows_the_linear_layers_and_not_this_one():
    model = torch.nn.Sequential(torch.nn.Linear(12, 12), layer(), torch.nn.Linear(12, 3))
    with torch.autocast("cpu", torch.bfloat16):
        before = model[0](batch())
        inside = model[1](before)
        after = model[2](inside)
    assert (before.dtype, inside.dtype, after.dtype) == (torch.bfloat16, torch.bfloat16, torch.bfloat16)
    assert torch.equal(inside, model[1](before.float()).bfloat16())
    after.float().square().sum().backward()
    assert all(gradient.dtype == torch.float32 and gradient.any() for gradient in gradients(model))


@pytest.mark.stack("torch", "activation checkpointing", "reentrant or not, dense and sparse gradients")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_changes_no_bit_of_the_gradients(reentrant, sparse):
    whole, module, x = layer(), layer(sparse=sparse), batch().requires_grad_()
    whole(batch()).square().sum().backward()
    y = checkpoint(module, x, use_reentrant=reentrant)
    y.square().sum().backward()
    assert x.grad.any()
    assert module.get_parameter("experts.u").grad.is_sparse == sparse
    assert same(gradients(module), gradients(whole))


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_pass_that_is_computed_again_updates_running_statistics_again_as_batch_norm_of_torch_does(reentrant):
    ours, theirs = layer(), torch.nn.BatchNorm1d(12)
    twice, again = copy.deepcopy(ours), copy.deepcopy(theirs)
    for module, other in ((ours, twice), (theirs, again)):
        x = batch().requires_grad_()
        checkpoint(module, x, use_reentrant=reentrant).square().sum().backward()
        for _ in range(2):
            other(x)
    assert same([ours.query_norm.mean, ours.query_norm.var], [twice.query_norm.mean, twice.query_norm.var])
    assert same([theirs.running_mean, theirs.running_var], [again.running_mean, again.running_var])
    assert not torch.equal(ours.query_norm.mean, layer().query_norm.mean)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_goes_with_updates_within_the_backward_pass(reentrant):
    whole, module = layer(sparse=True), layer(sparse=True)
    for each in (whole, module):
        optimiser = RowAdagrad(each.parameters(), lr=0.1, in_backward=each is module)
        for seed in range(3):
            x = batch(seed).requires_grad_()
            y = checkpoint(each, x, use_reentrant=reentrant) if each is module else each(x)
            optimiser.zero_grad()
            y.square().sum().backward()
            optimiser.step()
    assert same(list(module.parameters()), list(whole.parameters()))
    assert not same(list(module.parameters()), list(layer().parameters()))


@pytest.mark.stack("torch", "learning rate schedulers", "`ExponentialLR`")
@pytest.mark.parametrize("kind", [RowSGD, RowAdagrad, torch.optim.SGD])
def test_a_scheduler_sets_the_rate_of_every_step(kind):
    scheduled, by_hand, constant = (layer(sparse=True) for _ in range(3))
    for each in (scheduled, by_hand, constant):
        optimiser = kind(each.parameters(), lr=0.1)
        scheduler = ExponentialLR(optimiser, 0.5)
        for step in range(3):
            optimiser.zero_grad()
            each(batch(step)).square().sum().backward()
            if each is by_hand:
                optimiser.param_groups[0]["lr"] = 0.1 * 0.5**step
            optimiser.step()
            if each is scheduled:
                scheduler.step()
    assert same(list(scheduled.parameters()), list(by_hand.parameters()))
    assert not same(list(scheduled.parameters()), list(constant.parameters()))


@pytest.mark.stack("torch", "copies", "`copy.deepcopy` and pickles of the module")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_copy_learns_the_same_and_shares_nothing(sparse, copied):
    module = layer(sparse=sparse)
    clone, before = copied(module), [parameter.detach().clone() for parameter in module.parameters()]
    for each in (module, clone):
        each(batch()).square().sum().backward()
        assert each.get_parameter("experts.v").grad.is_sparse == sparse
    assert same(gradients(clone), gradients(module))
    RowSGD(clone.parameters(), lr=0.1).step()
    assert same(list(module.parameters()), before)
    assert not any(torch.equal(ours, old) for ours, old in zip(clone.parameters(), before, strict=True))


@pytest.mark.parametrize("sparse", [False, True])
def test_a_functional_call_uses_and_teaches_the_given_parameters_alone(sparse):
    module, other = layer(sparse=sparse), layer(seed=1)
    given = {name: parameter.detach().clone().requires_grad_() for name, parameter in other.named_parameters()}
    y = torch.func.functional_call(module, given, (batch(),))
    want = other(batch())
    assert torch.equal(y, want)
    assert not torch.equal(y, module(batch()))
    want.square().sum().backward()
    found = torch.autograd.grad(y.square().sum(), list(given.values()))
    assert same([gradient.to_dense() for gradient in found], gradients(other))
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_state_dict_goes_through_a_file_with_its_running_statistics_and_every_name_counts():
    module, other = layer(), layer(sparse=True, seed=1)
    module(batch())
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert not torch.equal(other.eval()(batch()), module.eval()(batch()))
    other.load_state_dict(state)
    assert torch.equal(other(batch()), module(batch()))
    assert torch.equal(other.query_norm.mean, module.query_norm.mean)
    assert module.query_norm.mean.any()
    del state["experts.w"]
    with pytest.raises(RuntimeError, match=r"Missing key.*experts\.w"):
        other.load_state_dict(state)
