"""A backend over several processes: the first takes the calls, and each computes its part of a sharded layer.

Calls and answers go through files of a folder that all see.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, safe_open, save_file
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh

from peerspec.backends.protocol import LAYER_PROFILES, PRECISIONS
from peerspec.backends.torch import PEER
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.sharded import shard
from peerspec.reference import InputError, Layer, Output, PeerConfig, PeerError

__all__ = ["Sharded", "serve"]


class Sharded:
    """The backend, in the first process.

    Args:
        by: how tables are split.
        folder: a folder that all processes see.
        precision: the only one that it claims. Not bfloat16 or float16 by rows, where the processes add up gradients
            of the sub-keys that are rounded to the dtype of the parameters.
    """

    def __init__(self, by: str, folder: Path, precision: str) -> None:
        self.name, self.by, self._folder = f"by {by}", by, folder
        self.profiles = (LAYER_PROFILES - {"select", *PRECISIONS}) | {precision}

    def forward(self, layer: Layer, x: NDArray[Any], *, mask: Any = None, training: bool = False) -> Output:
        lead, config = x.shape[:-1], layer.config
        own, parts = self._ask(layer, x, mask, training, None)
        y, scores, ids, gates = (
            to_array(torch.cat([part[name] for part in parts])) for name in ("y", "scores", "ids", "gates")
        )
        routing = (*lead, config.heads, config.top_k)
        state = {name: to_array(own[name]) for name in own if name.startswith("query_norm")} or None
        return Output(
            y.reshape(*lead, config.d_out), scores.reshape(routing), ids.reshape(routing), gates.reshape(routing), state
        )

    def gradients(
        self, layer: Layer, x: NDArray[Any], dy: NDArray[Any], *, mask: Any = None, training: bool = True
    ) -> dict[str, NDArray[Any]]:
        own, parts = self._ask(layer, x, mask, training, dy)
        found = {"x": to_array(torch.cat([part["dx"] for part in parts])).reshape(x.shape)}
        for name in (name for name in own if name.startswith("d ")):
            whole = name.startswith("d experts.") or self.by == "width"
            total = own[name] if whole else sum((part[name] for part in parts[1:]), parts[0][name])
            found[name.removeprefix("d ")] = to_array(total)
        return found

    def stop(self) -> None:
        """Let the other processes return."""
        save_file({"stop": torch.zeros(1)}, self._folder / "call")
        distributed.barrier()

    def _ask(
        self, layer: Layer, x: NDArray[Any], mask: Any, training: bool, dy: Any
    ) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
        tensors = {f"params.{name}": to_tensor(array).contiguous() for name, array in layer.params.items()}
        tokens = to_tensor(x.reshape(-1, x.shape[-1])).contiguous()
        call = tensors | {"x": tokens} | ({} if mask is None else {"mask": to_tensor(mask.reshape(-1)).contiguous()})
        if dy is not None:
            call["dy"] = to_tensor(dy.reshape(-1, dy.shape[-1])).contiguous()
        options = {"config": json.dumps(asdict(layer.config)), "training": str(training)}
        save_file({name: tensor.clone() for name, tensor in call.items()}, self._folder / "call", options)
        distributed.barrier()
        _answer(0, self.by, self._folder)
        distributed.barrier()
        answers = [load_file(self._folder / str(rank)) for rank in range(distributed.get_world_size())]
        if "refused" in answers[0]:
            raise InputError(bytes(answers[0]["refused"].tolist()).decode())
        return answers[0], answers if self.by == "rows" else answers[:1]


def serve(rank: int, by: str, folder: Path) -> None:
    """Answer the calls of the first process until it stops."""
    while True:
        distributed.barrier()
        with safe_open(folder / "call", "pt") as file:
            if "stop" in file.keys():  # noqa: SIM118  # no mapping
                return
        _answer(rank, by, folder)
        distributed.barrier()


def _answer(rank: int, by: str, folder: Path) -> None:
    try:
        answer = _computed(rank, by, folder)
    except PeerError as error:
        answer = {"refused": torch.tensor(list(str(error).encode()), dtype=torch.uint8)}
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in answer.items()}, folder / str(rank))


def _computed(rank: int, by: str, folder: Path) -> dict[str, Tensor]:
    with safe_open(folder / "call", "pt") as file:
        options, call = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    config = PeerConfig(**json.loads(options["config"]))
    params = {name: to_array(call[f"params.{name}"]) for name in config.shapes()}
    count = distributed.get_world_size()
    module = shard(
        PEER.from_layer(Layer(config, params)),
        init_device_mesh("cpu", (count,)),
        by=by,  # type: ignore[arg-type]
        average_gradients=False,
    )
    module.train(options["training"] == "True")
    places = np.array_split(np.arange(len(call["x"])), count)[rank] if by == "rows" else np.arange(len(call["x"]))
    x, mask = call["x"][places], call["mask"][places] if "mask" in call else None
    with torch.set_grad_enabled("dy" in call):
        x.requires_grad_("dy" in call)
        out = module.forward_with_routing(x, mask)
    answer = {"y": out.y, "scores": out.scores, "ids": out.indices, "gates": out.gates}
    if module.training:
        answer |= dict(module.named_buffers())
    if "dy" in call:
        out.y.backward(call["dy"][places])
        answer["dx"] = x.grad if x.grad is not None else torch.zeros_like(x)
        for name, parameter in module.named_parameters():
            gradient: Any = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            answer[f"d {name}"] = gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient
    return answer
