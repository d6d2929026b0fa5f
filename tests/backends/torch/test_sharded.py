"""Layers whose expert tables lie in several processes, which gloo connects."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_processes import in_processes
from sharded_backend import Sharded, serve
from torch import Tensor, distributed, nn
from torch.distributed import checkpoint
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from peerspec.backends.torch import PEER, LazyAdam, RowAdagrad, RowSGD, clip_grad_norm_
from peerspec.backends.torch.functional import forward as functional
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.sharded import load, save, shard
from peerspec.conformance import check_backend
from peerspec.conformance.inputs import dyadic
from peerspec.reference import Layer, PeerConfig, PeerError

MLP = PeerConfig(12, 2, 49, 4, 6)
GLU = PeerConfig(12, 2, 49, 4, 6, expert="glu", activation="silu", d_out=7, gate="sigmoid")
ONE = PeerConfig(12, 3, 49, 1, 6, expert="glu", activation="identity", d_out=7)
"""With k = 1 gates are 1, so on small dyadic numbers nothing is rounded."""
FEW = PeerConfig(3, 2, 4, 2, 2)
"""Of 4 rows or 3 columns, some of 3 or 4 processes have one or none."""
NORMED = PeerConfig(12, 2, 49, 4, 6, query_norm="batch")
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
"""Sums of at most 150 numbers of order one, each rounded by 2⁻²⁴ of what is summed so far."""
OPTIMISERS = {"SGD": RowSGD, "Adagrad": RowAdagrad, "Adam": LazyAdam}
RATE = 0.05


def numbers(seed: int, name: str, shape: tuple[int, ...]) -> Tensor:
    """Multiples of 1/4 in [−1, 1)."""
    return torch.from_numpy(dyadic(seed=seed, name=name, shape=tuple(shape), bits=3, exponent=0, dtype=np.float32))


def tokens(config: PeerConfig, rank: int, exact: bool) -> Tensor:
    """The tokens of a process; their numbers differ, and the last has none."""
    count = (5, 8, 3, 0)[rank]
    if exact:
        return numbers(rank, "x", (count, config.d_model))
    return torch.randn(count, config.d_model, generator=torch.Generator().manual_seed(rank))


def whole(config: PeerConfig, exact: bool) -> PEER:
    torch.manual_seed(0)
    layer = PEER(config)
    if exact:
        with torch.no_grad():
            for name, tensor in layer._tensors().items():
                tensor.copy_(numbers(9, name, tensor.shape))
    return layer


def upstream(y: Tensor) -> Tensor:
    return numbers(0, "dy", y.shape)


def learned(layer: PEER) -> dict[str, Tensor]:
    """The gradients by name, whole."""
    found = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {name: g.full_tensor() if hasattr(g, "full_tensor") else g for name, g in found.items() if g is not None}


def evaluate(rank: int, by: str) -> Any:
    return [_evaluate(rank, by, *case) for case in CASES]


def _evaluate(rank: int, by: str, config: PeerConfig, exact: bool, core: bool) -> dict[str, Tensor]:
    with nullcontext() if core else library_operations():
        layer = whole(config, exact)
        if rank:
            layer.reset_parameters()  # all get the parameters of the first
        mesh = init_device_mesh("cpu", (distributed.get_world_size(),))
        shard(layer, mesh, by=by, average_gradients=False)  # type: ignore[arg-type]
        return results(layer, tokens(config, rank if by == "rows" else 1, exact))


def results(layer: PEER, x: Tensor) -> dict[str, Tensor]:
    """The output, the routing and all gradients; those of parameters add up."""
    x.requires_grad_()
    y, scores, ids, gates, _ = layer.forward_with_routing(x)
    (y * upstream(y)).sum().backward()
    found = {"y": y, "x": x.grad, "ids": ids, "gates": gates, "scores": scores}
    return {name: tensor.detach() for name, tensor in found.items()} | learned(layer)


CASES = [
    (config, exact, core)
    for config, exact in ((MLP, False), (GLU, False), (ONE, True), (FEW, False))
    for core in (True, False)
]


@pytest.mark.stack("torch", "tables over several processes", "`sharded.shard` by rows or by width")
@pytest.mark.parametrize(("count", "by"), [(2, "rows"), (3, "rows"), (4, "rows"), (2, "width"), (4, "width")])
def test_shards_compute_what_the_whole_layer_computes(count: int, by: str) -> None:
    """The routing is the same, and sums differ in their order alone: on exact data not at all."""
    found = in_processes(count, evaluate, by)
    assert all(isinstance(part, list) for part in found), found
    for case, parts in zip(CASES, zip(*found, strict=True), strict=True):
        config, exact, core = case
        layer, close = whole(config, exact), {"rtol": 0, "atol": 0} if exact else CLOSE
        with nullcontext() if core else library_operations():
            right = [results(layer, tokens(config, rank, exact)) for rank in (range(count) if by == "rows" else (1,))]
        for rank, part in enumerate(parts):
            own = right[rank if by == "rows" else 0]
            for name in ("scores", "ids", "gates"):
                torch.testing.assert_close(part[name], own[name], rtol=0, atol=0)
            for name in ("y", "x"):
                torch.testing.assert_close(part[name], own[name], **close)
        for name, gradient in learned(layer).items():
            of_all = [part[name] for part in parts]
            got = sum(of_all[1:], of_all[0]) if by == "rows" and not name.startswith("experts") else of_all[0]
            torch.testing.assert_close(got, gradient, **close)


def model_of(config: PeerConfig = MLP) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 12), PEER(config))


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


def whole_parameters(model: nn.Module) -> dict[str, Tensor]:
    whole = {name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()}
    whole |= dict(model.named_buffers())
    return {name.removeprefix("module."): tensor.detach().clone() for name, tensor in whole.items()}


def loss_of(model: nn.Module, rank: int) -> Tensor:
    loss: Tensor = model(torch.randn(6, 12, generator=torch.Generator().manual_seed(rank))).square().mean()
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
                x = [torch.randn(6, 12, generator=torch.Generator().manual_seed(rank)) for rank in range(3)]
                losses = [model(torch.cat(x)).square().mean()]
            else:
                losses = [loss_of(model, rank) for rank in range(3)]
            step(model, optimisers, losses)
        for part in parts:
            for name, tensor in whole_parameters(model).items():
                torch.testing.assert_close(part[name], tensor, **CLOSE)


def start(rank: int) -> Any:
    torch.manual_seed(rank)
    with torch.device("meta"):
        layer = PEER(PeerConfig(12, 2, 1024, 4, 6, query_norm="batch"))
    shard(layer, init_device_mesh("cpu", (2,)))
    layer.to_empty(device="cpu")
    layer.reset_parameters()
    layer(torch.randn(3, 12)).sum().backward()
    return whole_parameters(layer)


def test_new_parts_differ_and_whole_parameters_are_the_same() -> None:
    first, second = in_processes(2, start)
    assert isinstance(first, dict), first
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=0, atol=0)
    for name in ("experts.u", "experts.v"):
        upper, lower = first[name].chunk(2)
        assert not torch.equal(upper, lower)
        ratio = float(upper.std() / lower.std())
        # each standard deviation of 6,144 numbers is off by less than 6 / √(2 · 6,144), or once in 10⁹ times
        assert abs(ratio - 1) < 2 * 6 / (2 * 6144) ** 0.5


def write(rank: int, folder: str) -> Any:
    mesh, answers = init_device_mesh("cpu", (distributed.get_world_size(),)), []
    for by in ("rows", "width"):
        layer = shard(whole(GLU, exact=False), mesh, by=by)  # type: ignore[arg-type]
        save(layer, Path(folder, f"{by}.safetensors"))
        state = {"layer": layer.state_dict()}
        checkpoint.save(state, checkpoint_id=str(Path(folder, by)))
        try:
            save(layer, Path(folder, f"{by}.safetensors"))
        except PeerError as error:
            answers.append(f"{type(error).__name__}: {error}")
    return answers


def read(rank: int, folder: str) -> Any:
    mesh, found = init_device_mesh("cpu", (distributed.get_world_size(),)), []
    for by in ("rows", "width"):
        layer = load(Path(folder, f"{by}.safetensors"), mesh, by=by)  # type: ignore[arg-type]
        found.append({name: tensor.detach() for name, tensor in whole_parameters(layer).items()})
        with torch.no_grad():
            for tensor in layer.parameters():
                tensor.zero_()
        state = {"layer": layer.state_dict()}
        checkpoint.load(state, checkpoint_id=str(Path(folder, by)))
        found.append({name: tensor.detach() for name, tensor in whole_parameters(layer).items()})
    return found


@pytest.mark.stack(
    "torch",
    "tables over several processes",
    "`torch.distributed.checkpoint` and layer files, read by another number of processes",
)
def test_files_are_those_of_the_whole_layer_for_any_number_of_processes(tmp_path: Path) -> None:
    first, *rest = in_processes(2, write, str(tmp_path))
    assert [answer.split(":")[0] for answer in first] == ["FileFormError"] * 2, first
    assert [answer.split(":")[0] for answer in rest[0]] == ["GroupError"] * 2, rest
    right = whole(GLU, exact=False).to_layer()
    assert {path.name for path in tmp_path.iterdir()} == {"rows", "rows.safetensors", "width", "width.safetensors"}
    for by in ("rows", "width"):
        layer = Layer.load(tmp_path / f"{by}.safetensors")
        assert layer.config == GLU
        for name, array in right.params.items():
            assert np.array_equal(layer.params[name], array)
    for part in in_processes(3, read, str(tmp_path)):
        assert isinstance(part, list), part
        for found in part:
            for name, tensor in found.items():
                assert np.array_equal(tensor.numpy(), right.params[name])


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
        shard(whole(MLP, False), mesh, by="width")(torch.randn(4 + rank, 12))

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
        layer(torch.ones(4, 12))

    def losses() -> None:
        y = shard(whole(MLP, False), mesh, by="width")(torch.ones(4, 12))
        (y * (1 + rank)).sum().backward()

    def roundings() -> None:
        y = shard(whole(MLP, False), mesh, by="width")(torch.ones(4, 12))
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
    return [_answer(attempt) for attempt in attempts]


def _answer(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except PeerError as error:
        return str(error)
    return "no error"


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


def judge(rank: int, by: str, precision: str, folder: str) -> Any:
    if rank:
        serve(rank, by, Path(folder))
        return None
    backend = Sharded(by, Path(folder), precision)
    report = check_backend(backend, size="minimal")
    backend.stop()
    return str(report.verdict)


@pytest.mark.parametrize(("count", "by", "precision"), [(2, "rows", "float32"), (2, "width", "bfloat16")])
def test_a_sharded_layer_conforms(count: int, by: str, precision: str, tmp_path: Path) -> None:
    assert in_processes(count, judge, by, precision, str(tmp_path), timeout=300)[0] == "conformant"


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
    found["answer"] = _answer(lambda: load(path, mesh))
    found["seconds"] = time.monotonic() - begun
    return found


def test_tools_around_a_sharded_layer(tmp_path: Path) -> None:
    found = in_processes(2, use, str(tmp_path))
    assert all(isinstance(part, dict) for part in found), found
    for part in found:
        assert part["copy"] == 0
        assert part["norm"] > 0.5
        assert abs(part["left"] - 0.5) < 1e-4
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
        answers.append(_answer(loss.backward))
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


def fill(rank: int, folder: str) -> Any:
    layer = shard(PEER(PeerConfig(128, 2, 4096, 3, 4)), init_device_mesh("cpu", (1,)))
    return _answer(lambda: save(layer, Path(folder, "layer.safetensors")))


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
