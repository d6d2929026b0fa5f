"""NumPy arrays as tensors and back, on the same memory.

torch does not take bfloat16 from NumPy, so its bits are passed as integers. torch also warns about read-only arrays,
for example memory-mapped tables, so these are passed as writeable; nothing here writes to them. ``Tensor.numpy`` marks
the memory of a tensor so that it can no longer be freed or resized, which sharding does with parameters; so arrays are
made from addresses.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peerspec.reference import DTYPES, InputError, compute_dtype, input_dtypes
from peerspec.reference.config import STATISTICS

__all__ = [
    "COMPUTE_DTYPES",
    "INPUT_DTYPES",
    "TORCH_DTYPES",
    "is_dtensor",
    "memory_of",
    "parameter_dtype",
    "to_array",
    "to_tensor",
]

TORCH_DTYPES = {name: getattr(torch, name) for name in DTYPES}
"""The dtypes of learned parameters and of inputs, by name."""

COMPUTE_DTYPES = {TORCH_DTYPES[name]: TORCH_DTYPES[compute_dtype(dtype).name] for name, dtype in DTYPES.items()}
"""The compute dtype for each dtype of learned parameters (PRC-2)."""

INPUT_DTYPES = {
    TORCH_DTYPES[name]: tuple(TORCH_DTYPES[each.name] for each in input_dtypes(dtype)) for name, dtype in DTYPES.items()
}
"""The dtypes that x may have for each dtype of learned parameters (PAR-5)."""


_BFLOAT16 = DTYPES["bfloat16"]
_PLAIN = (torch.Tensor, torch.nn.Parameter)
_FORMS = {
    torch.float64: "<f8",
    torch.float32: "<f4",
    torch.float16: "<f2",
    torch.bfloat16: "<i2",
    torch.int64: "<i8",
    torch.int32: "<i4",
    torch.bool: "|b1",
}
"""The dtypes of arrays that are made from addresses, as NumPy writes them."""


def parameter_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """The dtype of a parameter in a layer of ``dtype``: running statistics have the compute dtype (PAR-5)."""
    return COMPUTE_DTYPES[dtype] if name in STATISTICS else dtype


def is_dtensor(tensor: object) -> bool:
    """Whether parts of the tensor lie in several processes; ``torch.distributed.tensor`` takes long to import."""
    if type(tensor) in _PLAIN:
        return False
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def to_tensor(array: NDArray[Any]) -> torch.Tensor:
    """The array as a tensor on the same memory; do not write to it.

    Raises:
        InputError: not an array, or of a dtype that torch does not have.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"expected a NumPy array, got {type(array).__name__}; convert it with numpy.asarray")
    if array.dtype == _BFLOAT16:
        return to_tensor(array.view(np.int16)).view(torch.bfloat16)
    if any(stride < 0 for stride in array.strides):  # torch has no negative strides
        array = array.copy()
    try:
        return torch.from_numpy(array if array.flags.writeable else np.asarray(_Writeable(array)))
    except TypeError:
        raise InputError(
            f"torch has no dtype for {array.dtype}; convert it to one of {', '.join(DTYPES)} (PAR-5)"
        ) from None


def to_array(tensor: torch.Tensor) -> NDArray[Any]:
    """The tensor as an array, on the same memory where it lies on the CPU.

    Raises:
        InputError: the memory of the tensor was freed.
    """
    form = _FORMS.get(tensor.dtype)
    if form and type(tensor) in _PLAIN and tensor.is_cpu and tensor.is_contiguous() and not tensor.is_neg():
        array = np.asarray(_Memory(tensor, memory_of(tensor), form))
        return array.view(_BFLOAT16) if tensor.dtype == torch.bfloat16 else array
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(_BFLOAT16)
    return tensor.numpy()


def memory_of(tensor: torch.Tensor) -> int:
    """The address of the memory of a contiguous tensor on the CPU.

    Raises:
        InputError: the memory of the tensor was freed.
    """
    address = tensor.data_ptr()
    if tensor.numel() and (not address or (tensor.storage_offset() and not _holds(tensor))):
        raise InputError(
            f"a tensor of shape {tuple(tensor.shape)} has no memory: a tool that shards or moves parameters freed "
            "it; call the module that owns it"
        )
    return address


def _holds(tensor: torch.Tensor) -> bool:
    """Whether the memory of a contiguous tensor is as long as the tensor: a view keeps an address when it is freed."""
    return tensor.untyped_storage().nbytes() >= (tensor.storage_offset() + tensor.numel()) * tensor.element_size()


class _Memory:
    """Shows the memory of a contiguous tensor as an array, and keeps the tensor alive."""

    __slots__ = ("__array_interface__", "_tensor")

    def __init__(self, tensor: torch.Tensor, address: int, form: str) -> None:
        self._tensor = tensor
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(tensor.shape),
            "typestr": form,
            "data": (address, False),
        }


class _Writeable:
    """Shows the memory of an array as writeable, and keeps the array alive."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        interface = dict(self._array.__array_interface__)
        address, _ = interface["data"]
        return interface | {"data": (address, False)}
