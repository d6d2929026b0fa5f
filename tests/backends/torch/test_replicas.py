"""Replicas of a model in several processes, which gloo connects: DistributedDataParallel and FSDP."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from in_processes import in_processes
from support.rounding import APART
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD
from peerspec.reference import InputError, PeerConfig

CONFIG = PeerConfig(d_model=12, heads=2, num_experts=49, top_k=4, d_key=6)
OPTIMISERS = {"SGD": RowSGD, "Adagrad": RowAdagrad, "Adam": LazyAdam}
RATE = 0.05
CLOSE = {"rtol": 0.0, "atol": APART}


def model_of(seed: int = 0, **options: Any) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 12), PEER(options.pop("config", CONFIG), **options)).double()


def batch(rank: int, step: int) -> Tensor:
    return torch.randn(6, 12, generator=torch.Generator().manual_seed(10 * step + rank), dtype=torch.float64)


def learned(model: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, whole and without the prefix of a wrapper."""
    whole = {name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()}
    return {name.removeprefix("module."): tensor.detach().clone() for name, tensor in whole.items()}


def alone(processes: int, optimiser: str, steps: int = 3) -> dict[str, Tensor]:
    """One process learns from the batches of all."""
    model = model_of(sparse_gradients=True)
    tables, others = split(model)
    both = [OPTIMISERS[optimiser](tables, lr=RATE), torch.optim.SGD(others, lr=RATE)]
    for step in range(steps):
        loss = sum(model(batch(rank, step)).square().mean() for rank in range(processes)) / processes
        loss.backward()
        for each in both:
            each.step()
            each.zero_grad()
    return learned(model)


def split(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The expert tables, and all other parameters."""
    named = dict(model.named_parameters())
    tables = [parameter for name, parameter in named.items() if ".experts." in name]
    return tables, [parameter for name, parameter in named.items() if ".experts." not in name]


def train(rank: int, optimiser: str, options: dict[str, Any], in_backward: bool, find_unused: bool) -> Any:
    model = model_of(**options)
    tables, others = split(model)
    group = distributed.group.WORLD if in_backward else None
    rows = OPTIMISERS[optimiser](tables, lr=RATE, in_backward=in_backward, process_group=group)
    if in_backward:
        names = [name for name, _ in model.named_parameters() if ".experts." in name]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)
    replica, rest = DistributedDataParallel(model, find_unused_parameters=find_unused), torch.optim.SGD(others, lr=RATE)
    for step in range(3):
        replica(batch(rank, step)).square().mean().backward()
        for each in (rows, rest):
            each.step()
            each.zero_grad()
    return learned(replica)


@pytest.mark.stack(
    "torch",
    "DistributedDataParallel",
    "dense and sparse gradients, `find_unused_parameters`, optimisers of rows after or within the backward pass",
)
@pytest.mark.parametrize(
    ("optimiser", "options", "in_backward", "find_unused"),
    [
        ("SGD", {}, False, False),
        ("Adagrad", {"sparse_gradients": True}, False, False),
        ("SGD", {"sparse_gradients": True}, False, True),
        ("SGD", {}, True, False),
        ("Adagrad", {}, True, False),
        ("Adam", {"sparse_gradients": True}, True, False),
    ],
)
def test_replicas_learn_what_one_process_learns_from_all_batches(
    optimiser: str, options: dict[str, Any], in_backward: bool, find_unused: bool
) -> None:
    first, second = in_processes(2, train, optimiser, options, in_backward, find_unused)
    assert isinstance(first, dict), first
    for name, tensor in alone(2, optimiser).items():
        assert torch.equal(first[name], second[name]), "replicas drift apart"
        torch.testing.assert_close(first[name], tensor, **CLOSE)


def train_without_a_group(rank: int) -> Any:
    model = model_of()
    tables, _ = split(model)
    before = learned(model)
    optimiser = RowSGD(tables, lr=RATE, in_backward=True)
    try:
        model(batch(rank, 0)).square().mean().backward()
    finally:
        optimiser.step()
        assert all(torch.equal(before[name], tensor) for name, tensor in learned(model).items())
    return "updated"


@pytest.mark.stack(
    "torch", "DistributedDataParallel", "an update within the backward pass without `process_group`", refused=True
)
def test_an_update_within_the_backward_pass_of_one_of_several_processes_is_refused() -> None:
    for answer in in_processes(2, train_without_a_group):
        assert answer.startswith("UpdateError: several processes train, and an update within the backward pass sees")
        assert "pass process_group to the optimiser" in answer


def train_with_checkpoints(rank: int) -> Any:
    model = model_of()
    tables, _ = split(model)
    rows = RowSGD(tables, lr=RATE, in_backward=True, process_group=distributed.group.WORLD)
    before = tables[0].detach().clone()
    checkpoint(model, batch(rank, 0), use_reentrant=False).square().mean().backward()
    assert not torch.equal(before, tables[0]), "the update is within the backward pass"
    rows.step()
    return learned(nn.Sequential(*model)[1])


@pytest.mark.stack("torch", "`saved_tensors_hooks`", "saved tensors moved to another place, as offloading does")
def test_tensors_that_were_saved_elsewhere_are_updated_within_the_backward_pass_too() -> None:
    first, second = in_processes(2, train_with_checkpoints)
    assert isinstance(first, dict), first
    for name in ("experts.u", "experts.v"):
        assert torch.equal(first[name], second[name])


def have_few_rows(rank: int) -> Any:
    torch.manual_seed(0)
    model = nn.Sequential(PEER(PeerConfig(12, 1, 4, 2, 4))).double()
    fully_shard(model, mesh=init_device_mesh("cpu", (3,)))
    tables = list(model[0].experts.parameters())
    rows = LazyAdam(tables, lr=RATE)
    model(batch(rank, 0)).square().mean().backward()
    rows.step()
    return [int(table.to_local().shape[0]) for table in tables] + [int(rows.state[tables[0]]["step"])]


def test_a_process_may_have_no_rows() -> None:
    assert sorted(in_processes(3, have_few_rows)) == [[0, 0, 1], [2, 2, 1], [2, 2, 1]]


def load_whole_state(rank: int) -> Any:
    model = nn.Sequential(PEER(CONFIG)).double()
    whole = RowAdagrad(model[0].experts.parameters())
    model(batch(0, 0)).square().mean().backward()
    whole.step()
    state = whole.state_dict()
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    sharded = RowAdagrad(model[0].experts.parameters())
    sharded.load_state_dict(state)
    model(batch(0, 0)).square().mean().backward()
    sharded.step()
    return "updated"


@pytest.mark.stack("torch", "FSDP2 (`fully_shard`)", "the state of a whole optimiser loaded into a shard", refused=True)
def test_a_whole_state_is_refused_for_a_shard() -> None:
    for answer in in_processes(2, load_whole_state):
        assert "has 49 rows for a parameter of" in answer
        assert "load it with torch.distributed.checkpoint.state_dict" in answer


def accumulate(rank: int, sparse: bool) -> Any:
    replica = DistributedDataParallel(model_of(sparse_gradients=sparse))
    with replica.no_sync():
        replica(batch(rank, 0)).square().mean().backward()
    replica(batch(rank, 1)).square().mean().backward()
    return {name: p.grad.to_dense() for name, p in replica.module.named_parameters()}


@pytest.mark.stack("torch", "DistributedDataParallel", "`no_sync`, gradients accumulated")
@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_accumulated_without_synchronisation_are_those_of_all_batches(sparse: bool) -> None:
    first, second = in_processes(2, accumulate, sparse)
    model = model_of()
    for step in range(2):
        (sum(model(batch(rank, step)).square().mean() for rank in range(2)) / 2).backward()
    for name, parameter in model.named_parameters():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], parameter.grad, **CLOSE)


def uneven(rank: int) -> Any:
    model = model_of()
    tables, _ = split(model)
    optimiser = RowSGD(tables, lr=RATE, in_backward=True, process_group=distributed.group.WORLD)
    model(batch(rank, 0)[: 2 + 4 * rank]).square().sum().backward()
    optimiser.step()
    return learned(model)


def test_processes_may_have_different_numbers_of_tokens() -> None:
    first, second = in_processes(2, uneven)
    model = model_of()
    tables, _ = split(model)
    optimiser = RowSGD(tables, lr=RATE)
    (sum(model(batch(rank, 0)[: 2 + 4 * rank]).square().sum() for rank in range(2)) / 2).backward()
    optimiser.step()
    for name, tensor in learned(model).items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, **CLOSE)


def shard(rank: int, apart: bool, optimiser: str | None, sparse: bool) -> Any:
    mesh = init_device_mesh("cpu", (2,))
    model = model_of(sparse_gradients=sparse)
    if apart:
        fully_shard(model[1].experts, mesh=mesh)
    fully_shard(model, mesh=mesh)
    tables, others = split(model)
    rows = OPTIMISERS[optimiser](tables, lr=RATE) if optimiser else torch.optim.SGD(tables, lr=RATE)
    rest = torch.optim.SGD(others, lr=RATE)
    for step in range(3):
        model(batch(rank, step)).square().mean().backward()
        for each in (rows, rest):
            each.step()
            each.zero_grad()
    return learned(model)


@pytest.mark.stack(
    "torch", "FSDP2 (`fully_shard`)", "the whole model, or the experts apart; optimisers of rows on shards"
)
@pytest.mark.stack("torch", "FSDP2 (`fully_shard`)", "a layer with `sparse_gradients`: its gradients are dense")
@pytest.mark.parametrize(
    ("apart", "optimiser", "sparse"), [(False, None, False), (True, "SGD", True), (False, "Adagrad", True)]
)
def test_sharded_parameters_learn_what_one_process_learns(apart: bool, optimiser: str | None, sparse: bool) -> None:
    first, second = in_processes(2, shard, apart, optimiser, sparse)
    assert isinstance(first, dict), first
    for name, tensor in alone(2, optimiser or "SGD").items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], tensor, **CLOSE)


def narrow(rank: int) -> Any:
    config = PeerConfig(12, 2, 49, 4, 6, query_norm="batch")
    model = model_of(config=config).float()
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)), mp_policy=MixedPrecisionPolicy(torch.bfloat16))
    y = model(batch(rank, 0).float())
    y.float().square().mean().backward()
    statistics = dict(model.named_buffers())
    return {"y": y.detach(), "gradient": model[1].experts.u.grad.full_tensor(), **statistics}


@pytest.mark.stack("torch", "FSDP2 (`fully_shard`)", "a bfloat16 policy with batch norm")
def test_a_policy_of_narrow_parameters_leaves_running_statistics_wide() -> None:
    found, _ = in_processes(2, narrow)
    assert isinstance(found, dict), found
    assert found["y"].dtype == torch.bfloat16
    assert found["1.query_norm.mean"].dtype == torch.float32
    assert found["1.query_norm.mean"].any()
    assert found["gradient"].any()


BATCH_NORM = PeerConfig(12, 2, 49, 4, 6, query_norm="batch")


def learn_with_common_statistics(rank: int) -> Any:
    model = model_of(config=BATCH_NORM)
    model[1].query_norm.process_group = distributed.group.WORLD
    replica = DistributedDataParallel(model, broadcast_buffers=False)
    replica(batch(rank, 0)).square().mean().backward()
    return {name: p.grad for name, p in model.named_parameters()} | dict(model.named_buffers())


@pytest.mark.stack("torch", "SyncBatchNorm", "batch statistics of all processes: `query_norm.process_group`")
def test_batch_statistics_of_a_group_are_those_of_all_its_tokens() -> None:
    first, second = in_processes(2, learn_with_common_statistics)
    assert isinstance(first, dict), first
    model = model_of(config=BATCH_NORM)
    model(torch.cat([batch(rank, 0) for rank in range(2)])).square().mean().backward()
    right = {name: p.grad for name, p in model.named_parameters()} | dict(model.named_buffers())
    for name, tensor in right.items():
        torch.testing.assert_close(first[name], second[name], **CLOSE)
        torch.testing.assert_close(first[name], tensor, **CLOSE)


def mask_tokens(rank: int) -> Any:
    layer = model_of(config=BATCH_NORM)[1]
    layer.query_norm.process_group = distributed.group.WORLD
    x = batch(rank, 0)[: 2 + 4 * rank]
    return {"y": layer(x, torch.full((len(x),), rank == 1)).detach(), **dict(layer.named_buffers())}


def test_a_process_whose_tokens_do_not_count_takes_the_statistics_of_the_others() -> None:
    first, second = in_processes(2, mask_tokens)
    layer = model_of(config=BATCH_NORM)[1]
    y = layer(batch(1, 0))
    torch.testing.assert_close(second["y"], y.detach(), **CLOSE)
    for name, tensor in layer.named_buffers():
        torch.testing.assert_close(first[name], tensor, **CLOSE)
    assert first["y"].isfinite().all()


def give_dtensors(rank: int) -> Any:
    from torch.distributed.tensor import Replicate, distribute_module, distribute_tensor

    mesh, answers = init_device_mesh("cpu", (1,)), []
    x = distribute_tensor(batch(0, 0), mesh, [Replicate()])
    for module, given in ((PEER(CONFIG), x), (distribute_module(PEER(CONFIG), mesh), x)):
        try:
            module.double()(given)
        except InputError as error:
            answers.append(str(error))
    return answers


@pytest.mark.stack("torch", "DTensor", "tokens, sub-keys or query map as DTensors", refused=True)
def test_dtensors_are_refused_in_one_sentence() -> None:
    [answers] = in_processes(1, give_dtensors)
    assert len(answers) == 2
    assert all(
        answer.startswith("the layer computes with the tensors of one process, got a DTensor") for answer in answers
    )
