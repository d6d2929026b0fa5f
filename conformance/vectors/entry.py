"""One file of vectors, as the manifest describes it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError

from peerspec.conformance.vectors.dyadic_tensor import DyadicTensor
from peerspec.files.limited import read_limited
from peerspec.files.tensors import parse_tensors
from peerspec.reference import PeerError

__all__ = ["SIZE_LIMIT", "Entry", "VectorError"]

SIZE_LIMIT = 1 << 20
"""The largest size of all files together, in bytes; vectors are meant to be read and copied."""


class VectorError(PeerError):
    """Vectors that differ from their manifest or from SPEC.md."""


@dataclass(frozen=True)
class Entry:
    """One file: its hash, its inputs, the names of its results, and a configuration or a k to check results with."""

    path: Path
    sha256: str
    inputs: dict[str, DyadicTensor]
    expected: tuple[str, ...]
    config: dict[str, Any] | None
    k: int | None

    @property
    def exact(self) -> bool:
        """Whether scores and inner products are exact: all inputs have at most 4 bits (section 9.2)."""
        return all(tensor.bits <= 4 for tensor in self.inputs.values())

    def read(self) -> dict[str, NDArray[Any]]:
        """The tensors of the file.

        Raises:
            VectorError: the file is missing or unreadable, has another hash, or other tensors than the manifest says.
        """
        data = self._bytes()
        try:
            tensors = parse_tensors(data)
        except (SafetensorError, KeyError, ValueError) as error:
            raise VectorError(f"{self.path} cannot be read as safetensors: {error}") from None
        if set(tensors) != {*self.inputs, *self.expected}:
            names = ", ".join(sorted({*self.inputs, *self.expected}))
            raise VectorError(
                f"{self.path} must hold the tensors of the manifest, {names}, got {', '.join(sorted(tensors))}"
            )
        return tensors

    def _bytes(self) -> bytes:
        try:
            data = read_limited(self.path, SIZE_LIMIT)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise VectorError(f"{self.path} cannot be read: {reason}; download it again") from None
        if (digest := sha256(data).hexdigest()) != self.sha256:
            raise VectorError(
                f"{self.path} must have the SHA-256 of the manifest, {self.sha256}, got {digest}; download it again"
            )
        return data
