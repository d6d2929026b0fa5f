"""Programs for test_launcher.py, each in a process of its own: there kernels are compiled and not interpreted."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.interpreters import mlir

from peerspec.backends.gpu import launches
from peerspec.backends.jax import PeerConfig, forward, init
from peerspec.backends.jax.gpu import chip, launch
from peerspec.backends.jax.optim import labels, lazy_adam, value_and_grad
from peerspec.native.library import handler

CONFIG = PeerConfig(d_model=64, heads=2, num_experts=256, top_k=4, d_key=16)


def started() -> None:
    """On the CPU over the recording driver: the sum of three parts of five numbers."""
    jax.ffi.register_ffi_target(chip.TARGET, jax.ffi.pycapsule(handler("launch")), platform="cpu")
    mlir.register_lowering(launch.launch_primitive, launch._lowered, platform="cpu")
    parts = jnp.arange(15.0).reshape(3, 5)

    @jax.jit
    def total(parts: jax.Array) -> jax.Array:
        out = jax.ShapeDtypeStruct((5,), jnp.float32)
        return launch.run(launches.sum_parts(3, 5), (parts,), (out,))[0]

    with chip.compile_for(90):
        print(total(parts).tolist(), total(2 * parts).tolist())


def exported() -> None:
    """The layer and its gradients for CUDA, on a machine without it; and for the CPU and CUDA at once."""
    params = init(CONFIG, jax.random.key(0))

    def loss(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return forward(CONFIG, params, x).y.sum()

    allowed = [jax.export.DisabledSafetyCheck.custom_call(name) for name in names()]
    for platforms in (("cuda",), ("cpu", "cuda")):
        with chip.compile_for(int(sys.argv[2])):
            step = jax.jit(jax.grad(loss))
            found = jax.export.export(step, platforms=platforms, disabled_checks=allowed)(params, jnp.ones((8, 64)))
        text = str(found.mlir_module())
        print(platforms, text.count("custom_call @peerspec_launch"), "ELF" in text or "7FELF" in text)


def updated() -> None:
    """A step of lazy Adam on donated tables, for CUDA: the kernels write into the tables that they get."""
    optimiser = optax.partition(
        {"tables": lazy_adam(1e-3), "statistics": optax.set_to_zero(), "rest": optax.sgd(1e-3)}, labels
    )
    params = init(CONFIG, jax.random.key(0))
    state = optimiser.init(params)

    def loss(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return forward(CONFIG, params, x).y.sum()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: dict[str, jax.Array], state: Any, x: jax.Array) -> Any:
        _, gradients = value_and_grad(loss)(params, x)
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    with chip.compile_for(90):
        text = step.trace(params, state, jnp.ones((8, 64))).lower(lowering_platforms=("cuda",)).as_text()
    calls = [line for line in text.splitlines() if f"@{chip.TARGET}" in line]
    shared = [line for line in calls if "output_operand_alias" in line]
    print(len(calls), len(shared), max(line.count("#stablehlo.output_operand_alias") for line in shared))


def names() -> list[str]:
    from peerspec.backends.jax import native

    return [chip.TARGET, *(f"peerspec_{name}" for name in native._HANDLERS)]


if __name__ == "__main__":
    {"started": started, "exported": exported, "updated": updated}[sys.argv[1]]()
