"""ONNX Runtime sessions on the CPU that read and write NumPy arrays in place.

Inputs and outputs are bound by address, so nothing is copied, and bfloat16 works although ONNX Runtime's Python binding
has no NumPy type for it. ONNX Runtime only reads bound inputs, so tables can be read-only memory maps.
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
from peerspec.files.shown import shown
from peerspec.files.strict_json import is_unicode
from peerspec.reference import DTYPES

try:
    import onnxruntime
except ModuleNotFoundError as error:
    if error.name != "onnxruntime":  # onnxruntime is installed but broken; its own error says more
        raise
    raise missing("onnxruntime") from None

__all__ = ["OrtError", "new_session", "run"]


class OrtError(BackendError):
    """ONNX Runtime cannot load or run a model."""


def new_session(model: bytes | Path, *, threads: int, kernels: bool = False) -> onnxruntime.InferenceSession:
    """A session of a serialised model or of a file.

    Args:
        model: the serialised model, or the path of a file.
        threads: the number of threads; 0 means all cores.
        kernels: whether the kernels of ``peerspec.export.ort`` run the functions; their first use compiles them.

    Raises:
        OrtError: ONNX Runtime refuses the model.
        KernelError: the kernels cannot be built or loaded.
    """
    options = onnxruntime.SessionOptions()
    if kernels:
        register(options)
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors are exceptions; its own lines hold escape sequences
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else model
    if isinstance(source, str) and not is_unicode(source):
        raise OrtError(f"ONNX Runtime opens no file whose path is no UTF-8, got {shown(source)}; rename it")
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each status, directly under Exception
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
    """The refusal in one sentence. Each version of ONNX Runtime words a missing kernel differently."""
    missing_kernel = re.search(
        rf"(?:no kernel def matches.*|Type Error: Type.*|not.*implement.*)\b((?:{'|'.join(_KERNELS)})\w*)", text, re.I
    )
    if kernels and missing_kernel:
        return (
            f"the kernels have no {missing_kernel[1]} for the types in the model (ONX-4); "
            "run the model without kernels, or export it again"
        )
    return f"ONNX Runtime {onnxruntime.__version__} refuses the model: {text}"


_KERNELS = ("Layer", "ExpertStage", "ProductKeyTopK")


def _element(array: NDArray[Any]) -> object:
    return TENSOR_TYPES[array.dtype] if array.dtype == DTYPES["bfloat16"] else array.dtype.type
