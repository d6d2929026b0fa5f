"""Layers whose expert tables lie in several processes: training, tools around them, failures."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_processes import in_processes
from sharded_layers import (
    CLOSE,
    MLP,
    NORMED,
    OPTIMISERS,
    RATE,
    answer_of,
    drawn,
    learned,
    tokens,
    whole,
    whole_parameters,
)
from support.rounding import APART
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from peerspec.backends.torch import PEER, RowAdagrad, RowSGD, clip_grad_norm_
from peerspec.backends.torch.functional import forward as functional
from peerspec.backends.torch.sharded import load, save, shard
from peerspec.reference import Layer, PeerConfig, PeerError

ONES = torch.ones(4, 12, dtype=torch.float64)


def model_of(config: PeerConfig = MLP) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 12), PEER(config)).double()


def split(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The expert tables, and all other parameters."""
    named = dict(model.named_parameters())
    tables = [parameter for name, parameter in named.items() if ".experts." in name]
    return tables, [parameter for name, parameter in named.items() if ".experts." not in name]


def step(model: nn.Module, optimisers: list[Any], losses: list[Tensor]) -> None:
    (sum(losses[1:], losses[0]) / len(losses)).backward()
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()


def loss_of(model: nn.Module, rank: int) -> Tensor:
    loss: Tensor = model(drawn(6, 12, seed=rank)).square().mean()
    return loss


TRAININGS = [("SGD", MLP, "DDP"), ("Adagrad", MLP, "FSDP"), ("Adam", MLP, "DDP"), ("SGD", NORMED, "DDP")]


def train(rank: int, in_backward: bool) -> Any:
    return [_train(rank, in_backward, *training) for training in TRAININGS]


def _train(rank: int, in_backward: bool, optimiser: str, config: PeerConfig, replicas: str) -> dict[str, Tensor]:
    mesh, model = init_device_mesh("cpu", (distributed.get_world_size(),)), model_of(config)
    shard(model[1], mesh)
    tables, _ = split(model)
    if replicas == "DDP":
        names = [name for name, _ in model.named_parameters() if ".experts." in name]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)
        replica: nn.Module = DistributedDataParallel(model, broadcast_buffers=False)
    else:
        replica = fully_shard(model, mesh=mesh, ignored_params=set(tables))
    _, others = split(replica)
    optimisers = [OPTIMISERS[optimiser](tables, lr=RATE, in_backward=in_backward), torch.optim.SGD(others, lr=RATE)]
    for _ in range(3):
        step(replica, optimisers, [loss_of(replica, rank)])
    return whole_parameters(replica)


@pytest.mark.stack(
    "torch",
    "tables over several processes",
    "beside DistributedDataParallel or `fully_shard`, optimisers of rows after or within the backward pass",
)
@pytest.mark.parametrize("in_backward", [False, True], ids=["gradients", "in backward"])
def test_shards_learn_what_one_process_learns(in_backward: bool) -> None:
    """Beside replicas of the other parameters, whose gradients are averaged as those of the tables are."""
    found = in_processes(3, train, in_backward)
    assert all(isinstance(part, list) for part in found), found
    for (optimiser, config, _), parts in zip(TRAININGS, zip(*found, strict=True), strict=True):
        model = model_of(config)
        tables, others = split(model)
        optimisers = [OPTIMISERS[optimiser](tables, lr=RATE), torch.optim.SGD(others, lr=RATE)]
        for _ in range(3):
            if config.query_norm == "batch":
                x = [drawn(6, 12, seed=rank) for rank in range(3)]
                losses = [model(torch.cat(x)).square().mean()]
            else:
                losses = [loss_of(model, rank) for rank in range(3)]
            step(model, optimisers, losses)
        for part in parts:
            for name, tensor in whole_parameters(model).items():
                torch.testing.assert_close(part[name], tensor, **CLOSE)


def end(rank: int, folder: str) -> Any:
    layer = shard(whole(MLP, exact=False), init_device_mesh("cpu", (3,)))
    if rank == 2:
        os._exit(1)
    try:
        save(layer, Path(folder, "layer.safetensors"))
    except PeerError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.stack("torch", "tables over several processes", "a process that ends", refused=True)
def test_a_process_that_ends_stops_all_and_leaves_no_file(tmp_path: Path) -> None:
    begun = time.monotonic()
    first, second, third = in_processes(3, end, str(tmp_path))
    assert third == "no answer"
    for answer in (first, second):
        assert answer.startswith("GroupError: process")
        assert "waits for another that ended or does not answer" in answer
    assert not list(tmp_path.iterdir())
    assert time.monotonic() - begun < 60


def refuse(rank: int) -> Any:
    mesh = init_device_mesh("cpu", (2,))

    def other_tokens() -> None:
        shard(whole(MLP, False), mesh, by="width")(drawn(4 + rank, 12, seed=0))

    def sparse() -> None:
        shard(PEER(MLP, sparse_gradients=True), mesh)(torch.randn(4, 12))

    def transformed() -> None:
        layer, x = shard(PEER(MLP), mesh), torch.randn(4, 12)
        torch.func.grad(lambda x: layer(x).sum())(x)

    def penalty(by: str) -> None:
        layer, x = shard(PEER(MLP), mesh, by=by), torch.ones(4, 12, requires_grad=True)  # type: ignore[arg-type]
        (gradient,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
        gradient.square().sum().backward()

    def stale(make: Callable[..., Any]) -> None:
        layer, x = shard(PEER(MLP), mesh), torch.ones(4, 12)
        optimiser, y = make(layer.experts.parameters(), lr=0.1), layer(x)
        layer(x).square().sum().backward()
        optimiser.step()
        y.sum().backward()

    def gates() -> None:
        layer = shard(whole(MLP, False), mesh, by="width")
        with torch.no_grad():
            layer.query.weight.mul_(1 + 2.0**-20 * rank)
        layer(ONES)

    def losses() -> None:
        y = shard(whole(MLP, False), mesh, by="width")(ONES)
        (y * (1 + rank)).sum().backward()

    def roundings() -> None:
        y = shard(whole(MLP, False), mesh, by="width")(ONES)
        (y * (1 + rank * 2.0**-10)).sum().backward()

    def tied() -> None:
        layer = PEER(MLP)
        layer.experts.v = layer.experts.u
        shard(layer, mesh)

    def group() -> None:
        layer = shard(PEER(MLP), mesh)
        optimiser = RowSGD(layer.experts.parameters(), lr=0.1, in_backward=True, process_group=distributed.group.WORLD)
        layer(torch.ones(4, 12)).sum().backward()
        optimiser.step()

    def function() -> None:
        layer = shard(PEER(MLP), mesh)
        functional(layer.config, dict(layer.named_parameters()), torch.ones(4, 12))

    def columns() -> None:
        layer = shard(PEER(MLP), mesh, by="width")
        optimiser = RowSGD([layer.experts.u], lr=1.0)
        layer(torch.ones(4, 12)).sum().backward()
        optimiser.step()

    attempts = [
        lambda: shard(PEER(MLP), mesh, by="heads"),  # type: ignore[arg-type]
        lambda: shard(shard(PEER(MLP), mesh), mesh),
        lambda: save(PEER(MLP), "layer.safetensors"),
        lambda: shard(PEER(MLP), mesh).to_layer(),
        lambda: shard(PEER(MLP), mesh).save("layer.safetensors"),
        other_tokens,
        sparse,
        transformed,
        columns,
        lambda: penalty("rows"),
        lambda: penalty("width"),
        lambda: stale(RowAdagrad),
        lambda: stale(torch.optim.SGD),
        gates,
        losses,
        roundings,
        tied,
        group,
        function,
        lambda: save(shard(PEER(MLP, device="meta"), mesh), "layer.safetensors"),
    ]
    return [answer_of(attempt) for attempt in attempts]


@pytest.mark.stack(
    "torch",
    "tables over several processes",
    "sparse gradients, `torch.func`, other tokens by width, optimisers of rows by width",
    refused=True,
)
def test_what_shards_cannot_do_is_one_sentence() -> None:
    for answers in in_processes(2, refuse):
        assert isinstance(answers, list), answers
        for answer, words in zip(
            answers,
            [
                'by must be "rows" or "width"',
                "split already",
                "call its method save",
                "peerspec.backends.torch.sharded.save",
                "peerspec.backends.torch.sharded.save",
                "need the same tokens, ids and gates",
                "no sparse gradients of tensors that are split",
                "torch.func and forward-mode derivatives",
                "sharded by rows",
                "create_graph=True",
                "create_graph=True",
                "call backward before step",
                "call backward before step",
                "need the same tokens, ids and gates",
                "need the same gradients of y",
                "no error",
                "tables that are one tensor",
                "owners of other rows",
                "call the module that was split",
                "no values",
            ],
            strict=True,
        ):
            assert words in answer
            assert "\n" not in answer


def use(rank: int, folder: str) -> Any:
    """Deep copies, clipping, other parameters under ``fully_shard``, a file that one process misses."""
    mesh, found = init_device_mesh("cpu", (2,)), {}
    model = nn.Sequential(shard(whole(NORMED, False), mesh))
    copy = deepcopy(model)
    x = tokens(NORMED, rank, False)
    found["copy"] = float((copy(x) - model(x)).abs().max())
    wide = shard(whole(MLP, False), mesh, by="width")
    wide(tokens(MLP, 1, False)).square().sum().backward()
    found["norm"] = float(clip_grad_norm_(wide.parameters(), 0.5))
    found["left"] = float(torch.stack([gradient.square().sum() for gradient in learned(wide).values()]).sum().sqrt())
    fully_shard(model, mesh=mesh, ignored_params=set(model[0].experts.parameters()))
    save(model[0], Path(folder, "layer.safetensors"))
    path = Path(folder, "layer.safetensors" if rank else "missing")
    begun = time.monotonic()
    found["answer"] = answer_of(lambda: load(path, mesh))
    found["seconds"] = time.monotonic() - begun
    return found


def test_tools_around_a_sharded_layer(tmp_path: Path) -> None:
    found = in_processes(2, use, str(tmp_path))
    assert all(isinstance(part, dict) for part in found), found
    for part in found:
        assert part["copy"] == 0
        assert part["norm"] > 0.5
        assert abs(part["left"] - 0.5 / (1 + 1e-6 / part["norm"])) < APART  # torch adds 1e-6 to a norm
        assert part["seconds"] < 10
    assert "missing is not a file" in found[0]["answer"]
    assert found[1]["answer"].startswith("process 0 failed, so nothing is read or written")
    written, right = Layer.load(tmp_path / "layer.safetensors"), whole(NORMED, False).to_layer()
    for name in ("query.weight", "keys", "experts.u"):
        assert np.array_equal(written.params[name], right.params[name])


def replicate(rank: int) -> Any:
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "experts"))
    answers = []
    for group in (None, mesh["data"].get_group()):
        layer = shard(whole(MLP, False), mesh["experts"])
        optimiser = RowSGD(layer.experts.parameters(), lr=RATE, in_backward=True, process_group=group)
        loss = layer(tokens(MLP, rank % 3, False)).square().sum()
        answers.append(answer_of(loss.backward))
        optimiser.step()
    return {"answers": answers, **{name: p.full_tensor() for name, p in layer.experts.named_parameters()}}


def test_replicas_of_shards_learn_from_all_tokens() -> None:
    found = in_processes(4, replicate)
    assert all(isinstance(part, dict) for part in found), found
    layer = whole(MLP, False)
    optimiser = RowSGD(layer.experts.parameters(), lr=RATE)
    losses = [layer(tokens(MLP, rank % 3, False)).square().sum() for rank in range(4)]
    (sum(losses[1:], losses[0]) / 4).backward()
    optimiser.step()
    for part in found:
        assert "pass process_group to the optimiser" in part["answers"][0]
        assert part["answers"][1] == "no error"
        for name, parameter in layer.experts.named_parameters():
            torch.testing.assert_close(part[name], parameter.detach(), **CLOSE)


def tied() -> nn.Sequential:
    torch.manual_seed(0)
    first, second = PEER(MLP), PEER(MLP)
    second.experts.v = first.experts.v
    return nn.Sequential(first, second).double()


def share(rank: int) -> Any:
    model, mesh = tied(), init_device_mesh("cpu", (2,))
    for layer in model:
        shard(layer, mesh)
    loss_of(model, rank).backward()
    apart = tied()
    shard(apart[0], mesh)
    refused = answer_of(lambda: shard(apart[1], mesh, by="width"))
    shard(apart[1], mesh)  # the refusal left the layer whole
    apart(tokens(MLP, rank, exact=False))
    first, later = PEER(MLP), PEER(MLP)
    initial = later.experts.u = first.experts.u
    shard(first, mesh)
    with torch.no_grad():
        first.experts.u.to_local().zero_()  # as training does
    shard(later, mesh)
    return {
        "fresh": torch.equal(later.experts.u.full_tensor(), initial),
        "one": model[0].experts.v is model[1].experts.v,
        "gradient": model[0].experts.v.grad.full_tensor(),
        "refused": refused,
    }


@pytest.mark.stack("torch", "tables over several processes", "layers that share a table")
def test_layers_that_share_a_table_share_its_parts() -> None:
    found, _ = in_processes(2, share)
    model = tied()
    (sum(loss_of(model, rank) for rank in range(2)) / 2).backward()
    assert found["one"]
    assert found["fresh"]
    torch.testing.assert_close(found["gradient"], model[0].experts.v.grad, **CLOSE)
    assert "one of them was split in another way; split both in one way" in found["refused"]


def fill(rank: int, folder: str) -> Any:
    layer = shard(PEER(PeerConfig(128, 2, 4096, 3, 4)), init_device_mesh("cpu", (1,)))
    return answer_of(lambda: save(layer, Path(folder, "layer.safetensors")))


def test_a_full_disk_is_one_sentence_and_leaves_no_file(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        [answer] = in_processes(1, fill, str(tmp_path))
        assert "No space left on device" in answer
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", tmp_path], check=True)
