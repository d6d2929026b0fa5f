"""ONNX Runtime sessions on the CPU, fed with NumPy arrays in place.

Inputs and outputs are bound by address: nothing is copied, and bfloat16 passes, for which ONNX Runtime's
Python binding has no NumPy type. ONNX Runtime only reads bound inputs, so read-only memory maps serve as
tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.backends.protocol import BackendError
from peerspec.export.domain import TENSOR_TYPES
from peerspec.export.errors import missing
from peerspec.export.ort import register
from peerspec.reference import DTYPES

try:
    import onnxruntime
except ModuleNotFoundError as error:
    if error.name != "onnxruntime":  # a broken installation says what broke
        raise
    raise missing("onnxruntime") from None

__all__ = ["OrtError", "new_session", "run"]


class OrtError(BackendError):
    """What ONNX Runtime cannot do."""


def new_session(model: bytes | Path, *, threads: int, kernels: bool = False) -> onnxruntime.InferenceSession:
    """A session of a serialised model or of a file; ``threads`` of 0 means all cores.

    Args:
        kernels: whether to run functions by the kernels of ``peerspec.export.ort``, which are compiled on first use.

    Raises:
        OrtError: ONNX Runtime refuses the model.
        KernelError: the kernels cannot be built or loaded.
    """
    options = onnxruntime.SessionOptions()
    if kernels:
        register(options)
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else model
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each status of ONNX Runtime has a class of its own, under Exception
        raise OrtError(_refusal(" ".join(str(error).split()), kernels)) from None


def run(
    session: onnxruntime.InferenceSession,
    inputs: Mapping[str, NDArray[Any]],
    outputs: Mapping[str, NDArray[Any]],
) -> None:
    """Evaluate the model on ``inputs``, into the contiguous arrays ``outputs``, by name.

    Raises:
        OrtError: ONNX Runtime fails.
    """
    binding = session.io_binding()
    held = {name: np.require(array, requirements=["C", "A"]) for name, array in inputs.items()}
    for name, array in held.items():
        binding.bind_input(name, "cpu", 0, _element(array), array.shape, array.ctypes.data)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, _element(array), array.shape, array.ctypes.data)
    try:
        session.run_with_iobinding(binding)
    except Exception as error:  # as above
        raise OrtError(f"ONNX Runtime {onnxruntime.__version__} fails: {error}") from None


def _refusal(text: str, kernels: bool) -> str:
    """One sentence; that a kernel is missing for some types, each version of ONNX Runtime says in words of its own."""
    missing_kernel = re.search(
        rf"(?:no kernel def matches.*|Type Error: Type.*|not.*implement.*)\b((?:{'|'.join(_KERNELS)})\w*)", text, re.I
    )
    if kernels and missing_kernel:
        return (
            f"the kernels have no {missing_kernel[1]} for the types that the model gives it (ONX-4); "
            "run it without kernels, on its functions, or export it again"
        )
    return f"ONNX Runtime {onnxruntime.__version__} refuses the model: {text}"


_KERNELS = ("Layer", "ExpertStage", "ProductKeyTopK")


def _element(array: NDArray[Any]) -> object:
    return TENSOR_TYPES[array.dtype] if array.dtype == DTYPES["bfloat16"] else array.dtype.type
