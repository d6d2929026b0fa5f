"""Layers whose expert tables lie in several processes, which gloo connects: results, files, the suite."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_processes import in_processes
from sharded_backend import Sharded, serve
from sharded_layers import (
    CLOSE,
    FEW,
    GLU,
    MLP,
    ONE,
    learned,
    numbers,
    tokens,
    whole,
    whole_parameters,
)
from torch import Tensor, distributed
from torch.distributed import checkpoint
from torch.distributed.device_mesh import init_device_mesh

from peerspec.backends.torch import PEER
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.sharded import load, save, shard
from peerspec.conformance import check_backend
from peerspec.reference import Layer, PeerConfig, PeerError


def upstream(y: Tensor) -> Tensor:
    return numbers(0, "dy", y.shape)


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
