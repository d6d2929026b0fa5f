"""PEER in JAX: pure functions of a configuration, a dictionary of parameters and an array of tokens.

``forward`` and ``select`` are ordinary JAX functions. They work under ``jit`` (with the configuration static),
``grad``, ``vmap``, ``scan`` and ``checkpoint``, and never change a global flag. Reverse-mode derivatives of any order
are defined, and forward mode (``jvp``, ``jacfwd``, ``hessian``) inside ``plain_operations()``. Memory holds the half
scores of a chunk of tokens; neither N scores of a token nor the rows [T, h, k, D] of its experts exist. On the CPU
the native core computes the stages if it was built, on NVIDIA GPUs Triton kernels; ``library_operations`` turns both
off.

    layer = Layer.random(config)
    params = params_from_layer(layer)
    run = jax.jit(forward, static_argnums=0)
    y = run(config, params, x).y

``optim`` holds gradients of expert tables as touched rows, and optimisers of rows.
"""

from peerspec.backends.jax import (
    requirement as requirement,
)  # first: without JAX its import fails with a sentence that says what to install

# isort: split
from peerspec.backends.jax.adapter import (
    AdapterOutput,
    adapt,
    adapter_from_params,
    init_adapter,
    params_from_adapter,
)
from peerspec.backends.jax.forward import Output, forward
from peerspec.backends.jax.gpu.chip import compile_for, reason_against_launcher
from peerspec.backends.jax.growth import grow, grow_state
from peerspec.backends.jax.operation import library_operations
from peerspec.backends.jax.params import init, layer_from_params, params_from_layer
from peerspec.backends.jax.plain import plain_operations
from peerspec.backends.jax.selection import Selection, select
from peerspec.reference import Adapter, AdapterConfig, Layer, PeerConfig

__all__ = [
    "Adapter",
    "AdapterConfig",
    "AdapterOutput",
    "Layer",
    "Output",
    "PeerConfig",
    "Selection",
    "adapt",
    "adapter_from_params",
    "compile_for",
    "forward",
    "grow",
    "grow_state",
    "init",
    "init_adapter",
    "layer_from_params",
    "library_operations",
    "params_from_adapter",
    "params_from_layer",
    "plain_operations",
    "select",
]

reason_against_launcher()  # a program that was exported for CUDA elsewhere needs the launcher alone
