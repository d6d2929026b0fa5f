"""A training run in one safetensors file: every tensor by its name, and in the metadata what is no tensor.

The file appears whole or not at all, and nothing in it is code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from peerspec.files.atomic_file import AtomicFile

__all__ = ["about", "restore", "save"]

Optimisers = Mapping[str, torch.optim.Optimizer]


def save(path: Path, model: Mapping[str, Tensor], optimisers: Optimisers, about: Mapping[str, Any]) -> None:
    """Write tensors of the model, the optimisers' state, and ``about``, which must be JSON."""
    groups = {name: optimiser.state_dict()["param_groups"] for name, optimiser in optimisers.items()}
    metadata = {"about": json.dumps(dict(about)), "groups": json.dumps(groups)}
    tensors = {f"model.{name}": tensor for name, tensor in model.items()}
    with AtomicFile(path) as file:
        save_file({**tensors, **dict(_states(optimisers))}, file.name, metadata)
        file.publish()


def about(path: Path) -> dict[str, Any]:
    """What was written beside the tensors."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["about"])


@torch.no_grad()
def restore(path: Path, model: Mapping[str, Tensor], optimisers: Optimisers) -> None:
    """Put every tensor back in its place, bit for bit."""
    with safe_open(path, "pt") as file:
        for name, tensor in model.items():
            tensor.copy_(file.get_tensor(f"model.{name}"))
        groups = json.loads(file.metadata()["groups"])
        for owner, optimiser in optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for name in (name for name in file.keys() if name.startswith(f"{owner}.")):  # noqa: SIM118  # no mapping
                _, number, key = name.split(".")
                state.setdefault(int(number), {})[key] = file.get_tensor(name)
            optimiser.load_state_dict({"state": state, "param_groups": groups[owner]})


def _states(optimisers: Optimisers) -> Iterator[tuple[str, Tensor]]:
    for owner, optimiser in optimisers.items():
        for number, state in optimiser.state_dict()["state"].items():
            yield from ((f"{owner}.{number}.{key}", tensor) for key, tensor in state.items())
