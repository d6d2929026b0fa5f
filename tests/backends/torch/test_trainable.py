"""Steps limited to a part of a module, with any optimiser: what is frozen keeps its bits."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch

from peerspec.backends.torch import PEER, LazyAdam, PeerConfig, RowAdagrad, RowSGD, Trainable, grow, train_part
from peerspec.reference import InputError

CONFIG = PeerConfig(12, 2, 36, 3, 6, d_out=7, expert="glu", query_bias=True, query_norm="batch")
SOME = Trainable(np.arange(36) % 3 != 1, np.arange(12).reshape(1, 2, 6) % 2 == 0, query=False, statistics=False)
Make = Callable[[object], torch.optim.Optimizer]
DENSE: dict[str, Make] = {
    "SGD with momentum": lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=0.1),
    "Adam": lambda params: torch.optim.Adam(params, lr=0.05, weight_decay=0.1),
    "AdamW": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1),
    "fused AdamW": lambda params: torch.optim.AdamW(params, lr=0.05, weight_decay=0.1, fused=True),
    "Adagrad": lambda params: torch.optim.Adagrad(params, lr=0.05, weight_decay=0.1),
    "RMSprop": lambda params: torch.optim.RMSprop(params, lr=0.05, weight_decay=0.1, momentum=0.9),
    "RowSGD": lambda params: RowSGD(params, lr=0.05, weight_decay=0.1),
    "LazyAdam": lambda params: LazyAdam(params, lr=0.05, weight_decay=0.1),
}
SPARSE: dict[str, Make] = {
    "SGD": lambda params: torch.optim.SGD(params, lr=0.05),
    "Adagrad": lambda params: torch.optim.Adagrad(params, lr=0.05),
    "SparseAdam": lambda params: torch.optim.SparseAdam(params, lr=0.05),
    "RowSGD": lambda params: RowSGD(params, lr=0.05, weight_decay=0.1),
    "RowAdagrad": lambda params: RowAdagrad(params, lr=0.05, weight_decay=0.1),
    "LazyAdam": lambda params: LazyAdam(params, lr=0.05, weight_decay=0.1),
    "RowAdagrad within backward": lambda params: RowAdagrad(params, lr=0.05, weight_decay=0.1, in_backward=True),
    "LazyAdam within backward": lambda params: LazyAdam(params, lr=0.05, weight_decay=0.1, in_backward=True),
}


def module(**options: object) -> PEER:
    torch.manual_seed(0)
    found = PEER(CONFIG, **options)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.view(-1)[::4] = -0.0
    return found


def step(module: PEER, optimisers: list[torch.optim.Optimizer], seed: int) -> None:
    for optimiser in optimisers:
        optimiser.zero_grad()
    x = torch.randn(40, 12, generator=torch.Generator().manual_seed(seed), dtype=module.keys.dtype)
    module(x).square().sum().backward()
    for optimiser in optimisers:
        optimiser.step()


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone().view({8: torch.int64, 4: torch.int32, 2: torch.int16}[tensor.element_size()])


def check_limited(module: PEER, optimisers: list[torch.optim.Optimizer], seeds: range) -> None:
    before = {name: bits(tensor) for name, tensor in module.state_dict().items()}
    with train_part(module, SOME, optimisers):
        for seed in seeds:
            step(module, optimisers, seed)
    masks = SOME.masks(CONFIG)
    for name, tensor in module.state_dict().items():
        changed = bits(tensor) != before[name]
        mask = torch.from_numpy(np.broadcast_to(masks.get(name, False), changed.shape).copy())
        assert not (changed & ~mask).any(), name
        assert (changed & mask).any() == mask.any(), name


@pytest.mark.stack("torch", "`train_part`", "a part of a layer, with torch's optimisers and the optimisers of rows")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", DENSE)
def test_a_dense_step_leaves_what_is_frozen_also_after_steps_on_the_whole(name: str, dtype: torch.dtype) -> None:
    layer = module(dtype=dtype)
    optimisers = [DENSE[name](layer.parameters())]
    check_limited(layer, optimisers, range(2))
    for seed in range(2, 4):
        step(layer, optimisers, seed)
    check_limited(layer, optimisers, range(4, 6))


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")  # of torch's own Adagrad
@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_step_leaves_what_is_frozen_also_after_steps_on_the_whole(name: str) -> None:
    layer = module(sparse_gradients=True)
    rest = [tensor for key, tensor in layer.named_parameters() if not key.startswith("experts.")]
    optimisers = [SPARSE[name](layer.experts.parameters()), torch.optim.AdamW(rest, lr=0.05)]
    check_limited(layer, optimisers, range(2))
    for seed in range(2, 4):
        step(layer, optimisers, seed)
    check_limited(layer, optimisers, range(4, 6))


@pytest.mark.parametrize("in_backward", [False, True])
def test_a_limited_step_of_rows_is_the_same_step_inside_and_leaves_the_state_outside(in_backward: bool) -> None:
    layer = module(sparse_gradients=True)
    other = copy.deepcopy(layer)
    rows, whole = (LazyAdam(each.experts.parameters(), lr=0.1, in_backward=in_backward) for each in (layer, other))
    rest = [tensor for key, tensor in layer.named_parameters() if not key.startswith("experts.")]
    with train_part(layer, SOME, [rows, torch.optim.SGD(rest, lr=0.0)]):
        step(layer, [rows], 0)
    other.query_norm.frozen_statistics = True
    step(other, [whole], 0)
    inside = torch.from_numpy(SOME.experts.copy())
    for name in ("u", "v", "w"):
        mine, theirs = layer.get_parameter(f"experts.{name}"), other.get_parameter(f"experts.{name}")
        assert torch.equal(mine[inside], theirs[inside])
        for key in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(rows.state[mine][key][inside], whole.state[theirs][key][inside])
            assert not rows.state[mine][key][~inside].any()


def test_gradients_stay_as_backward_left_them() -> None:
    layer = module()
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    with train_part(layer, SOME, optimiser):
        layer(torch.randn(40, 12)).square().sum().backward()
        before = {name: tensor.grad.clone() for name, tensor in layer.named_parameters()}
        optimiser.step()
    assert all(torch.equal(tensor.grad, before[name]) for name, tensor in layer.named_parameters())


def test_after_the_end_everything_learns_again_and_hooks_are_gone() -> None:
    layer = module()
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    limit = train_part(layer, SOME, optimiser)
    assert layer.query_norm.frozen_statistics
    limit.remove()
    limit.remove()  # once is enough
    assert not layer.query_norm.frozen_statistics
    before = {name: bits(tensor) for name, tensor in layer.state_dict().items()}
    step(layer, [optimiser], 0)
    assert all((bits(tensor) != before[name]).any() for name, tensor in layer.state_dict().items())


def test_growth_then_training_of_what_is_new() -> None:
    layer = module()
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.05)
    step(layer, [optimiser], 0)
    large = grow(layer, 64, optimisers=optimiser)
    part = Trainable.new(CONFIG, 64)
    before = bits(large.experts.u)
    with train_part(large, part, optimiser):
        step(large, [optimiser], 1)
    changed = (bits(large.experts.u) != before).any(1).numpy()
    assert changed.any()
    assert not (changed & ~part.experts).any()


@pytest.mark.parametrize("eval_norm", [False, True])
def test_frozen_statistics_normalise_like_inference(eval_norm: bool) -> None:
    layer = module()
    x = torch.randn(9, 12)
    expected = copy.deepcopy(layer).eval()(x)
    layer.query_norm.frozen_statistics = True
    layer.train(not eval_norm)
    assert torch.equal(layer(x), expected)
    with torch.no_grad():
        assert torch.equal(layer(x), expected)


def test_wrong_input_is_one_sentence() -> None:
    layer = module()
    with pytest.raises(InputError, match="TRN-1"):
        train_part(layer, Trainable(np.ones(3, bool)), torch.optim.SGD(layer.parameters()))
    with pytest.raises(InputError, match=r"experts\.u may change and is in no optimiser"):
        train_part(layer, SOME, torch.optim.SGD([layer.keys, *layer.query_norm.parameters()]))
    assert not layer.query_norm.frozen_statistics
