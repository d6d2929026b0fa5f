"""The tables of a layer as the core takes them. The core uses them in place and never copies or casts them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.native.arrays import DTYPE_CODES, INT8_CODE, address, compute_dtype, require_contiguous
from peerspec.native.signatures import Experts, Router
from peerspec.reference import InputError
from peerspec.reference.config import ACTIVATIONS, GATES

__all__ = ["ExpertTables", "RouterTables"]


@dataclass(frozen=True, eq=False)
class RouterTables:
    """The tables of queries and retrieval, C-contiguous and of one dtype of SPEC.md.

    Args:
        weight: [h, d, D].
        keys: [H_k, 2, n, d/2], with H_k = 1 or h.
        k: the number of experts for each head.
        bias: [h, d], or None.
        gate: "softmax" (GAT-1) or "sigmoid" (GAT-3).

    Raises:
        InputError: tables of other shapes or dtypes, or not contiguous; k outside 1..n²; an unknown gate.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> router = RouterTables(layer.params["query.weight"], layer.params["keys"], k=2)
        >>> router.n
        3
    """

    weight: NDArray[Any]
    keys: NDArray[Any]
    k: int
    bias: NDArray[Any] | None = None
    gate: str = "softmax"

    def __post_init__(self) -> None:
        compute_dtype(self.keys.dtype)
        if self.gate not in GATES:
            raise InputError(f"gate must be one of {', '.join(GATES)}, got {self.gate!r} (CFG-5)")
        require_contiguous("weight", self.weight, self.keys.dtype, (None, None, None))
        heads, d_key, _ = self.weight.shape
        require_contiguous("keys", self.keys, self.keys.dtype, (None, 2, None, d_key // 2))
        if self.bias is not None:
            require_contiguous("bias", self.bias, self.keys.dtype, (heads, d_key))
        if len(self.keys) not in (1, heads) or d_key % 2:
            raise InputError(f"keys must be [1 or {heads}, 2, n, d/2] of an even d, got {self.keys.shape} (PAR-1)")
        if not 1 <= self.k <= self.n**2:
            raise InputError(f"k must lie in 1..N = 1..{self.n**2}, got {self.k} (CFG-3)")

    @property
    def n(self) -> int:
        """Sub-keys per half."""
        return self.keys.shape[2]

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """The dtype of every other array."""
        return compute_dtype(self.keys.dtype)

    def by_reference(self) -> Any:
        """A reference to a ``peerspec_router``; valid while this object lives."""
        heads, d_key, d_model = self.weight.shape
        sizes = (d_model, heads, d_key, len(self.keys), self.n, self.k)
        addresses = (address(table) for table in (self.weight, self.bias, self.keys))
        return ctypes.byref(Router(DTYPE_CODES[self.keys.dtype], GATES.index(self.gate), *sizes, *addresses))


@dataclass(frozen=True, eq=False)
class ExpertTables:
    """The tables of the experts, C-contiguous and of one dtype of SPEC.md or int8, and their activation.

    Args:
        u, v: [N, D] and [N, M].
        w: [N, D] for GLU experts (EXP-2), None for MLP experts (EXP-1).
        activation: one of ACT-1.
        scales: for int8 tables, by name the float32 [N] factors of their rows; such tables are for inference only.

    Raises:
        InputError: tables of other shapes or dtypes, or not contiguous; scales that do not fit; an unknown activation.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> experts = ExpertTables(layer.params["experts.u"], layer.params["experts.v"])
        >>> experts.activation
        'gelu'
    """

    u: NDArray[Any]
    v: NDArray[Any]
    w: NDArray[Any] | None = None
    activation: str = "gelu"
    scales: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.u.dtype != np.int8:
            compute_dtype(self.u.dtype)
        if self.activation not in ACTIVATIONS:
            raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r} (CFG-5)")
        if self.u.ndim != 2 or self.v.ndim != 2:
            raise InputError(f"u and v must be tables [N, D] and [N, M], got {self.u.shape} and {self.v.shape} (PAR-1)")
        (num_experts, d_model), d_out = self.u.shape, self.v.shape[1]
        for name, table, width in (("u", self.u, d_model), ("v", self.v, d_out), ("w", self.w, d_model)):
            if table is not None:
                require_contiguous(name, table, self.u.dtype, (num_experts, width))
        self._check_scales()

    def _check_scales(self) -> None:
        names = ("u", "v") if self.w is None else ("u", "v", "w")
        wanted = names if self.u.dtype == np.int8 else ()
        if set(self.scales) != set(wanted):
            raise InputError(
                f"tables of {self.u.dtype} take scales of {list(wanted)}, got those of {sorted(self.scales)}"
            )
        for name, scale in self.scales.items():
            require_contiguous(f"the scales of {name}", scale, np.float32, (len(self.u),))

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """The dtype of every other array."""
        return np.dtype(np.float32) if self.u.dtype == np.int8 else compute_dtype(self.u.dtype)

    def by_reference(self) -> Any:
        """A reference to a ``peerspec_experts``; valid while this object lives."""
        dtype = INT8_CODE if self.u.dtype == np.int8 else DTYPE_CODES[self.u.dtype]
        sizes = (*self.u.shape, self.v.shape[1])
        addresses = (address(table) for table in (self.u, self.v, self.w, *map(self.scales.get, "uvw")))
        return ctypes.byref(Experts(dtype, ACTIVATIONS.index(self.activation), *sizes, *addresses))
