"""The dtypes of stages and ids (SPEC.md, PRC-2, IDX-1), and inner products in full precision."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import DTypeLike

from peerspec import reference
from peerspec.reference import ConfigError, InputError

__all__ = ["compute_dtype", "id_dtype", "inner_product", "require_representable"]

_INT32_IDS = 2**31
"""The largest N whose ids, up to N − 1, fit a 32-bit integer."""


def compute_dtype(dtype: DTypeLike) -> Any:
    """float64 for float64, else float32: the dtype of queries, scores, gates and accumulations (PRC-2)."""
    return reference.compute_dtype(jnp.dtype(dtype))


def id_dtype(num_experts: int) -> Any:
    """int32 if every id fits, else int64 (IDX-1).

    Raises:
        ConfigError: ids need 64 bits and JAX is restricted to 32 bits.
    """
    if num_experts <= _INT32_IDS:
        return jnp.int32
    if not _wide():
        raise ConfigError(
            f"ids of {num_experts} experts need 64-bit integers, which JAX has switched off; "
            "call inside `with jax.enable_x64(True):` (IDX-1)"
        )
    return jnp.int64


def require_representable(dtype: DTypeLike) -> None:
    """Refuse float64 if JAX would silently convert it to float32.

    Raises:
        InputError: ``dtype`` is float64 and JAX is restricted to 32 bits (PRC-6).
    """
    if jnp.dtype(dtype) == jnp.float64 and not _wide():
        raise InputError(
            "float64 needs 64-bit JAX, got JAX restricted to 32 bits; "
            "call inside `with jax.enable_x64(True):` or use float32 (PRC-6)"
        )


def _wide() -> bool:
    return bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]  # JAX adds its options at run time


def inner_product(formula: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """An einsum in the full precision of its operands, never in TF32 (PRC-2)."""
    return jnp.einsum(formula, a, b, precision=jax.lax.Precision.HIGHEST)
