"""Parameters as a dictionary of arrays by the names of PAR-1; conversion to and from a ``Layer``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from peerspec.backends.jax.gradient_taps import TAP
from peerspec.backends.jax.names import flat
from peerspec.backends.jax.precision import require_representable
from peerspec.files.shown import shown
from peerspec.reference import (
    DTYPES,
    AdapterConfig,
    InputError,
    Layer,
    PeerConfig,
    TableError,
    input_dtypes,
    parameter_dtype,
)
from peerspec.reference.initial import STARTS_AT_ONE, initial_scales

__all__ = ["Params", "check", "check_params", "init", "layer_from_params", "params_from_layer"]

Params = Mapping[str, Any]
"""Arrays by the names of PAR-1, or nested dictionaries of them."""


def params_from_layer(layer: Layer) -> dict[str, jax.Array]:
    """The parameters of ``layer`` as JAX arrays, in their dtypes.

    Raises:
        InputError: the layer is float64 and JAX is restricted to 32 bits.

    Example:
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> params_from_layer(Layer.random(config))["experts.u"].shape
        (16, 8)
    """
    require_representable(layer.dtype)
    return {name: jnp.asarray(array) for name, array in layer.params.items()}


def layer_from_params(config: PeerConfig, params: Params) -> Layer:
    """A ``Layer`` of the reference, which checks every name, shape, dtype and value (PAR-1, PAR-3, PAR-5).

    Example:
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> layer_from_params(config, init(config, jax.random.key(0))).dtype
        dtype('float32')
    """
    return Layer(config, {name: np.asarray(array) for name, array in flat(params).items()})


def init(config: PeerConfig, key: jax.Array, dtype: DTypeLike = jnp.float32) -> dict[str, jax.Array]:
    """Random parameters, scaled like ``Layer.random``; initialisation is not part of conformance.

    Raises:
        TableError: ``dtype`` is none of ``DTYPES``.
        InputError: ``dtype`` is float64 and JAX is restricted to 32 bits.

    Example:
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> init(config, jax.random.key(0))["keys"].shape
        (1, 2, 4, 2)
    """
    dtype = _learned_dtype(dtype)
    require_representable(dtype)
    shapes = config.shapes()
    keys = dict(zip(shapes, jax.random.split(key, len(shapes)), strict=True))
    scale = initial_scales(config)
    return {
        name: (jax.random.normal(keys[name], shape, dtype) * scale[name]).astype(dtype)
        if name in scale
        else jnp.full(shape, name in STARTS_AT_ONE, parameter_dtype(name, dtype))
        for name, shape in shapes.items()
    }


def _learned_dtype(dtype: DTypeLike) -> np.dtype:
    with suppress(TypeError):
        if (known := jnp.dtype(dtype)) in DTYPES.values():
            return known
    raise TableError(f"parameters must be of dtype {', '.join(DTYPES)}, got {shown(dtype)} (PAR-5)")


def check(config: PeerConfig | AdapterConfig, params: Params, x: jax.Array, mask: jax.Array | None) -> None:
    """Check names, shapes and dtypes; JAX knows them while tracing.

    Raises:
        TableError: parameters that do not fit the configuration (PAR-1), or dtypes that do not fit each other (PAR-5).
        InputError: x or mask of another shape or dtype (SHP-1, SHP-2).
    """
    check_params(config, params)
    if x.dtype not in (allowed := input_dtypes(params["keys"].dtype)):
        names = " or ".join(map(str, allowed))
        raise InputError(f"x must be {names} for params of {params['keys'].dtype}, got {x.dtype}; convert it (PAR-5)")
    if x.ndim < 1 or x.shape[-1] != config.d_model:
        raise InputError(f"x must have shape [..., {config.d_model}], got {x.shape} (SHP-1)")
    if mask is not None and (mask.shape != x.shape[:-1] or mask.dtype != bool):
        raise InputError(
            f"mask must be boolean of shape {x.shape[:-1]}, got {mask.dtype} of shape {mask.shape} (SHP-2)"
        )


def check_params(config: PeerConfig | AdapterConfig, params: Params) -> None:
    """Check names, shapes and dtypes of parameters in one dictionary.

    Raises:
        TableError: parameters that do not fit the configuration (PAR-1), or dtypes that do not fit each other (PAR-5).
    """
    for name, shape in config.shapes().items():
        if name not in params or params[name].shape != shape:
            got = params[name].shape if name in params else "nothing"
            raise TableError(f"params[{name!r}] must have shape {shape} for this configuration, got {got} (PAR-1)")
    if unknown := sorted(params.keys() - config.shapes().keys() - {TAP}):
        raise TableError(f"{unknown[0]!r} is not a parameter of this configuration; remove it (PAR-1)")
    dtype = params["keys"].dtype
    if dtype not in DTYPES.values():
        raise TableError(f"params['keys'] must be of dtype {', '.join(DTYPES)}, got {dtype}; convert params (PAR-5)")
    for name in config.shapes():
        if params[name].dtype != (expected := parameter_dtype(name, dtype)):
            raise TableError(
                f"params[{name!r}] must be {expected} beside keys of {dtype}, got {params[name].dtype}; "
                "convert one of them (PAR-5)"
            )
