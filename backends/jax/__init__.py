"""PEER in JAX: pure functions of a configuration, a dictionary of parameters and an array of tokens.

``forward`` and ``select`` are ordinary JAX functions: they work under ``jit`` (with the configuration
static), ``grad``, ``vmap``, ``scan`` and ``checkpoint``, and never touch a global flag. Reverse-mode
derivatives of any order are defined; forward mode (``jvp``, ``jacfwd``) is not. Half scores exist for a chunk of
tokens at a time; N scores of a token or the rows [T, h, k, D] of its experts never do. On the CPU the native core
computes selection and experts where it was built: see ``peerspec.backends.jax.native``.

    layer = Layer.random(config)
    params = params_from_layer(layer)
    run = jax.jit(forward, static_argnums=0)
    y = run(config, params, x).y

Gradients of expert tables as the rows that a batch touches, and optimisers of rows, are in ``optim``.
"""

from peerspec.backends.jax import (
    requirement as requirement,
)  # first: says what to install where JAX is missing

# isort: split
from peerspec.backends.jax.forward import Output, forward
from peerspec.backends.jax.native import library_operations
from peerspec.backends.jax.params import init, layer_from_params, params_from_layer
from peerspec.backends.jax.retrieval import Selection, select
from peerspec.reference import Layer, PeerConfig

__all__ = [
    "Layer",
    "Output",
    "PeerConfig",
    "Selection",
    "forward",
    "init",
    "layer_from_params",
    "library_operations",
    "params_from_layer",
    "select",
]
