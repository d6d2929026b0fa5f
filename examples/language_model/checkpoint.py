"""A training run in one safetensors file: all tensors by name, and everything else as JSON in the metadata.

The file is written atomically and contains no code.
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
    """Write the tensors of the model, the state of the optimisers, and ``about``, which must be valid as JSON."""
    groups = {name: optimiser.state_dict()["param_groups"] for name, optimiser in optimisers.items()}
    metadata = {"about": json.dumps(dict(about)), "groups": json.dumps(groups)}
    tensors = {f"model.{name}": tensor for name, tensor in model.items()}
    with AtomicFile(path) as file:
        save_file({**tensors, **dict(_states(optimisers))}, file.name, metadata)
        file.publish()


def about(path: Path) -> dict[str, Any]:
    """The ``about`` that was given to ``save``."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["about"])


@torch.no_grad()
def restore(path: Path, model: Mapping[str, Tensor], optimisers: Optimisers) -> None:
    """Copy every tensor of the file back, bit for bit, into the model and the optimisers."""
    with safe_open(path, "pt") as file:
        for name, tensor in model.items():
            tensor.copy_(file.get_tensor(f"model.{name}"))
        groups = json.loads(file.metadata()["groups"])
        for owner, optimiser in optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for name in (name for name in file.keys() if name.startswith(f"{owner}.")):  # noqa: SIM118  # not a mapping
                _, number, key = name.split(".")
                state.setdefault(int(number), {})[key] = file.get_tensor(name)
            optimiser.load_state_dict({"state": state, "param_groups": groups[owner]})


def _states(optimisers: Optimisers) -> Iterator[tuple[str, Tensor]]:
    for owner, optimiser in optimisers.items():
        for number, state in optimiser.state_dict()["state"].items():
            yield from ((f"{owner}.{number}.{key}", tensor) for key, tensor in state.items())
