"""A module that grows: the bits of the reference, the state of optimisers, and what it refuses."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.utils import parametrize

from peerspec.backends.torch import PEER, LazyAdam, PeerConfig, RowAdagrad, RowSGD, grow
from peerspec.reference import ConfigError, InputError, PeerError, TableError, grown_ids
from peerspec.reference import grow as grow_layer

CONFIG = PeerConfig(12, 2, 16, 3, 6, d_out=7, expert="glu", query_bias=True, query_norm="batch")
TABLES = ("experts.u", "experts.v", "experts.w")
IDS = grown_ids(4, 6)
OPTIMISERS = {
    "SGD with momentum": lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9),
    "Adam": lambda params: torch.optim.Adam(params, lr=0.05, amsgrad=True),
    "AdamW": lambda params: torch.optim.AdamW(params, lr=0.05),
    "Adagrad": lambda params: torch.optim.Adagrad(params, lr=0.05),
    "Adafactor": lambda params: torch.optim.Adafactor(params, lr=0.05),
    "RMSprop": lambda params: torch.optim.RMSprop(params, lr=0.05, centered=True),
    "RowSGD": lambda params: RowSGD(params, lr=0.05),
    "RowAdagrad": lambda params: RowAdagrad(params, lr=0.05),
    "LazyAdam": lambda params: LazyAdam(params, lr=0.05),
}


def module(config: PeerConfig = CONFIG, **options: object) -> PEER:
    torch.manual_seed(0)
    return PEER(config, **options)


def step(module: PEER, optimiser: torch.optim.Optimizer, seed: int) -> None:
    optimiser.zero_grad()
    x = torch.randn(20, 12, generator=torch.Generator().manual_seed(seed), dtype=module.keys.dtype)
    module(x).square().sum().backward()
    optimiser.step()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_module_has_the_bits_of_the_reference(dtype: torch.dtype) -> None:
    old = module(dtype=dtype)
    before = old.to_layer()
    new, expected = grow(old, 36, seed=4, init="zero"), grow_layer(before, 36, seed=4, init="zero")
    got = new.to_layer()
    assert got.config == expected.config
    assert all(got.params[name].tobytes() == array.tobytes() for name, array in expected.params.items())
    assert all(old.to_layer().params[name].tobytes() == array.tobytes() for name, array in before.params.items())
    addresses = {tensor.data_ptr() for tensor in old.state_dict().values()}
    assert not addresses & {tensor.data_ptr() for tensor in new.state_dict().values()}


@pytest.mark.stack("torch", "growth", "`grow`, with the state of torch's optimisers and of the optimisers of rows")
@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_state_of_an_optimiser_moves_with_its_entries(name: str) -> None:
    old = module(sparse_gradients=name.startswith(("Row", "Lazy")))
    optimiser = OPTIMISERS[name](old.parameters())
    for seed in range(3):
        step(old, optimiser, seed)
    names = {parameter: name for name, parameter in old.named_parameters()}
    before = {names[parameter]: copy.deepcopy(state) for parameter, state in optimiser.state.items() if state}
    new = grow(old, 36, optimisers=optimiser)
    held = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    assert {id(parameter) for parameter in held} == {id(parameter) for parameter in new.parameters()}
    names = {parameter: name for name, parameter in new.named_parameters()}
    after = {names[parameter]: state for parameter, state in optimiser.state.items()}
    assert after.keys() == before.keys()
    for parameter, state in before.items():
        for key, value in state.items():
            check_moved(parameter, value, after[parameter][key], old.get_parameter(parameter).shape)
    for seed in range(3, 5):
        step(new, optimiser, seed)
    assert all(tensor.isfinite().all() for tensor in new.parameters())


def check_moved(name: str, before: object, after: object, shape: torch.Size) -> None:
    if name in TABLES and isinstance(before, torch.Tensor) and before.shape[:1] == shape[:1]:
        assert after.shape == (36, *before.shape[1:])
        assert after.dtype == before.dtype
        rest = torch.ones(36, dtype=torch.bool)
        rest[IDS] = False
        assert torch.equal(after[IDS], before)
        assert not after[rest].any()
    elif name == "keys" and isinstance(before, torch.Tensor) and before.shape[:3] == shape[:3]:
        assert torch.equal(after[:, :, :4], before)
        assert after.shape[2] == 6
        assert not after[:, :, 4:].any()
    elif isinstance(before, torch.Tensor):
        assert torch.equal(after, before)
    else:
        assert after == before


def test_flags_modes_and_other_parameters_of_the_optimiser_stay() -> None:
    old = module(sparse_gradients=True).eval()
    old.query.weight.requires_grad_(False)
    other = torch.nn.Linear(3, 3)
    optimiser = torch.optim.SGD(
        [{"params": old.experts.parameters(), "lr": 0.5}, {"params": other.parameters()}], lr=0.1
    )
    new = grow(old, 25, optimisers=[optimiser])
    assert new.sparse_gradients
    assert not new.training
    assert not new.query.weight.requires_grad
    assert new.keys.requires_grad
    first, second = optimiser.param_groups
    assert [id(p) for p in first["params"]] == [id(p) for p in new.experts.parameters()]
    assert [id(p) for p in second["params"]] == [id(p) for p in other.parameters()]
    assert first["lr"] == 0.5


def test_an_optimiser_within_the_backward_pass_takes_the_new_tables() -> None:
    old = module(replace(CONFIG, query_norm="none"), sparse_gradients=True)
    optimiser = RowAdagrad(old.parameters(), lr=0.1, in_backward=True)
    step(old, optimiser, 0)
    new = grow(old, 36, optimisers=optimiser)
    before = new.experts.u.detach().clone()
    step(new, optimiser, 1)
    assert new.experts.u.grad is None
    assert (new.experts.u != before).any()


def test_two_optimisers_grow_together() -> None:
    old = module(sparse_gradients=True)
    rest = [parameter for name, parameter in old.named_parameters() if name not in TABLES]
    rows, dense = LazyAdam(old.experts.parameters()), torch.optim.AdamW(rest)
    optimisers = (rows, dense)
    new = grow(old, 49, optimisers=optimisers)
    for optimiser in optimisers:
        assert all(any(p is q for q in new.parameters()) for g in optimiser.param_groups for p in g["params"])


@pytest.mark.parametrize("number", [9, 17])
def test_after_a_refusal_nothing_has_changed(number: int) -> None:
    old = module()
    optimiser = torch.optim.Adam(old.parameters())
    step(old, optimiser, 0)
    before = copy.deepcopy(optimiser.state_dict())
    with pytest.raises(ConfigError):
        grow(old, number, optimisers=optimiser)
    assert all(any(p is q for q in old.parameters()) for g in optimiser.param_groups for p in g["params"])
    after = optimiser.state_dict()
    assert all(torch.equal(after["state"][i][k], v) for i, s in before["state"].items() for k, v in s.items())


def test_an_optimiser_of_another_module_is_refused_before_anything_changes() -> None:
    old = module()
    own, other = torch.optim.Adam(old.parameters()), torch.optim.Adam(module().parameters())
    with pytest.raises(InputError, match="holds no parameter of the module"):
        grow(old, 25, optimisers=(own, other))
    assert own.param_groups[0]["params"][0] is next(old.parameters())


def parametrized() -> PEER:
    found = module()
    parametrize.register_parametrization(found.experts, "u", torch.nn.Identity())
    return found


def tied() -> PEER:
    found = module(replace(CONFIG, d_out=12))
    found.experts.v = found.experts.u
    return found


def infinite() -> PEER:
    found = module()
    with torch.no_grad():
        found.experts.u[3, 1] = float("inf")
    return found


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (parametrized, InputError, "computed or split by a tool"),
        (tied, InputError, "are one tensor"),
        (infinite, TableError, "NaN or infinity"),
        (lambda: module(device="meta"), TableError, "device meta"),
    ],
)
def test_what_cannot_grow_is_refused_in_one_sentence(make: object, error: type[PeerError], words: str) -> None:
    with pytest.raises(error, match=words):
        grow(make(), 25)


def test_a_grown_module_computes_what_a_module_of_the_grown_layer_computes() -> None:
    old = module(replace(CONFIG, query_norm="none"))
    x = torch.randn(9, 12)
    found, expected = (each(x) for each in (grow(old, 36), PEER.from_layer(grow_layer(old.to_layer(), 36))))
    assert torch.equal(found, expected)
