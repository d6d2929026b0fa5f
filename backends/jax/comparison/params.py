"""Parameters of the layers of chapter 15 as a dictionary of arrays; conversion to and from a ``ComparisonLayer``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from peerspec.backends.jax.names import flat
from peerspec.backends.jax.params import Params
from peerspec.backends.jax.precision import require_representable
from peerspec.reference import DTYPES, InputError, TableError, input_dtypes, parameter_dtype
from peerspec.reference.comparison import ComparisonConfig, ComparisonLayer
from peerspec.reference.comparison.initial import initial_scales
from peerspec.reference.comparison.validation import check_shapes, learned_dtype
from peerspec.reference.initial import STARTS_AT_ONE

__all__ = ["check", "init", "layer_from_params", "params_from_layer"]


def params_from_layer(layer: ComparisonLayer) -> dict[str, jax.Array]:
    """The parameters of ``layer`` as JAX arrays, in their dtypes.

    Raises:
        InputError: the layer is float64 and JAX is restricted to 32 bits.
    """
    require_representable(layer.dtype)
    return {name: jnp.asarray(array) for name, array in layer.params.items()}


def layer_from_params(config: ComparisonConfig, params: Params) -> ComparisonLayer:
    """A layer of the reference, which checks every name, shape, dtype and value (CMP-3)."""
    return ComparisonLayer(config, {name: np.asarray(array) for name, array in flat(params).items()})


def init(config: ComparisonConfig, key: jax.Array, dtype: DTypeLike = jnp.float32) -> dict[str, jax.Array]:
    """Random parameters, scaled like ``ComparisonLayer.random``.

    Raises:
        TableError: ``dtype`` is none of ``DTYPES``.
        InputError: ``dtype`` is float64 and JAX is restricted to 32 bits.

    Example:
        >>> from peerspec.reference.comparison import DenseConfig
        >>> init(DenseConfig(d_model=8, d_hidden=16), jax.random.key(0))["u"].shape
        (16, 8)
    """
    _require_known(dtype := jnp.dtype(dtype))
    require_representable(dtype)
    shapes, scale = config.shapes(), initial_scales(config)
    keys = dict(zip(shapes, jax.random.split(key, len(shapes)), strict=True))
    return {
        name: (jax.random.normal(keys[name], shape, dtype) * scale[name]).astype(dtype)
        if name in scale
        else jnp.full(shape, name in STARTS_AT_ONE, parameter_dtype(name, dtype))
        for name, shape in shapes.items()
    }


def check(config: ComparisonConfig, params: dict[str, Any], x: jax.Array, mask: jax.Array | None) -> None:
    """Check names, shapes and dtypes; JAX knows them while tracing.

    Raises:
        TableError: parameters that do not fit the configuration (CMP-3), or dtypes that do not fit each other (PAR-5).
        InputError: x or mask of another shape or dtype (SHP-1, SHP-2).
    """
    check_shapes(config, {name: array.shape for name, array in params.items()})
    dtype = learned_dtype(params)
    _require_known(dtype)
    for name, array in params.items():
        if array.dtype != (expected := parameter_dtype(name, dtype)):
            raise TableError(f"{name} must be {expected} in a layer of {dtype}, got {array.dtype}; convert it (PAR-5)")
    if x.dtype not in (allowed := input_dtypes(dtype)):
        names = " or ".join(map(str, allowed))
        raise InputError(f"x must be {names} for parameters of {dtype}, got {x.dtype}; convert it (PAR-5)")
    if x.ndim < 1 or x.shape[-1] != config.d_model:
        raise InputError(f"x must have shape [..., {config.d_model}], got {x.shape} (SHP-1)")
    if mask is not None and (mask.shape != x.shape[:-1] or mask.dtype != bool):
        raise InputError(
            f"mask must be boolean of shape {x.shape[:-1]}, got {mask.dtype} of shape {mask.shape} (SHP-2)"
        )


def _require_known(dtype: np.dtype) -> None:
    if dtype not in DTYPES.values():
        raise TableError(f"parameters must be of dtype {', '.join(DTYPES)}, got {dtype}; convert them (PAR-5)")
