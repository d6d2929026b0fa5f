"""Runs a function in several processes that train together over gloo, and returns what each returned."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

__all__ = ["in_processes"]


PRELOADED = [
    "pytest",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.distributed.tensor.parallel",
    "torch.nn.parallel",
    "peerspec.backends.torch.sharded",
]
"""Imported once, in the process from which the others are forked: it computes nothing, so it has no threads."""


def in_processes(count: int, function: Callable[..., Any], *arguments: Any, timeout: float = 120.0) -> list[Any]:
    """What ``function(rank, *arguments)`` returned in each process, or one line of its error.

    The function and its arguments are found by name in the new processes, so they stand at the top of a module. Results
    are numbers, strings, and dictionaries and lists of tensors.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        processes = [
            context.Process(target=_run, args=(rank, count, folder, function, arguments)) for rank in range(count)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout)
            if process.is_alive():
                process.kill()
        found = [Path(folder, str(rank)) for rank in range(count)]
        return [torch.load(path, weights_only=True) if path.exists() else "no answer" for path in found]


def _run(rank: int, count: int, folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=count)
    try:
        answer = function(rank, *arguments)
    except Exception as error:
        traceback.print_exc()
        answer = f"{type(error).__name__}: {error}".splitlines()[0]
    torch.save(answer, Path(folder, f"{rank}.new"))
    Path(folder, f"{rank}.new").rename(Path(folder, str(rank)))
    time.sleep(0.05)  # a thread of gloo that still held tensors when the interpreter ends would abort it
    distributed.destroy_process_group()
