"""The JAX backend over the Triton kernels, interpreted on the CPU. Needs TRITON_INTERPRET=1."""

from __future__ import annotations

import threading
from typing import Any

import fast_interpreter
import jax
import numpy as np
import torch
from jax.interpreters import mlir

from peerspec.backends.jax import backend
from peerspec.backends.jax.gpu.launch import launch_primitive
from peerspec.backends.jax.operation import interpreted
from peerspec.backends.torch.arrays import to_array, to_tensor

fast_interpreter.install()
ONE_AT_A_TIME = threading.Lock()
"""The interpreter replaces functions of Triton while it runs, and devices have threads of their own."""
name, profiles = "jax over interpreted kernels", backend.profiles


def launched(*arrays: jax.Array, launch: Any, results: Any, order: Any, aliases: Any) -> Any:
    """A launch on the host: the interpreter takes tensors of torch."""
    shared = {result: place for place, result in aliases}

    def on_host(*given: Any) -> Any:
        found = [torch.empty(0).new_empty(shape, dtype=to_tensor(np.empty(0, dtype)).dtype) for shape, dtype in results]
        tensors = [to_tensor(np.array(array)) for array in given]
        for result, place in shared.items():
            found[result] = tensors[place]
        chosen = [(*tensors, *found)[place] for place in order]
        with ONE_AT_A_TIME, np.errstate(all="ignore"):
            launch.kernel[launch.grid](*chosen, *launch.numbers, **dict(launch.constants), num_warps=launch.warps)
        return [to_array(tensor) for tensor in found]

    shapes = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results]
    return jax.pure_callback(on_host, shapes, *arrays)


mlir.register_lowering(launch_primitive, mlir.lower_fun(launched), platform="cpu")


def forward(*arguments: Any, **options: Any) -> Any:
    with interpreted():
        return backend.forward(*arguments, **options)


def select(*arguments: Any) -> Any:
    with interpreted():
        return backend.select(*arguments)


def gradients(*arguments: Any, **options: Any) -> Any:
    with interpreted():
        return backend.gradients(*arguments, **options)
