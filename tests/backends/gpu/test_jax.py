"""The kernels under JAX, interpreted: the layer, its transformations, and the optimisers of rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax_interpreted
import numpy as np
import optax
import pytest

from peerspec import reference
from peerspec.backends.jax import PeerConfig, forward, init, library_operations
from peerspec.backends.jax.operation import interpreted
from peerspec.backends.jax.optim import lazy_adam, row_adagrad, row_sgd
from peerspec.backends.jax.optim.gradient import RowGradient
from peerspec.reference import Layer

CONFIG = PeerConfig(d_model=12, heads=3, num_experts=25, top_k=4, d_key=8, d_out=5)
CONFIGS = {
    "plain": {},
    "GLU": {"expert": "glu"},
    "per head": {"key_heads": 3},
    "k > n": {"top_k": 7},
    "sigmoid": {"gate": "sigmoid", "query_norm": "layer"},
}


@pytest.fixture
def kernels() -> Iterator[None]:
    with interpreted():
        yield


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("tokens", [0, 1, 6])
def test_the_layer_and_its_gradients_are_those_of_the_reference(name: str, tokens: int) -> None:
    layer = Layer.random(replace(CONFIG, **CONFIGS[name]), seed=0)
    source = np.random.default_rng(0)
    x, dy = (source.standard_normal((tokens, width)).astype(np.float32) for width in (12, 5))
    got, right = jax_interpreted.forward(layer, x), reference.forward(layer, x)
    assert np.array_equal(got.indices, right.indices)
    assert np.allclose(got.y, right.y, rtol=1e-5, atol=1e-5)
    gradients, expected = jax_interpreted.gradients(layer, x, dy), reference.gradients(layer, x, dy)
    assert all(np.allclose(gradients[key], expected[key], rtol=1e-5, atol=1e-5) for key in expected)


@pytest.mark.parametrize(
    ("dtype", "operands"), [("bfloat16", {"bf16"}), ("float16", {"f16", "f32"}), ("float32", {"f32"})]
)
def test_products_of_a_narrow_layer_have_narrow_operands(dtype: str, operands: set[str]) -> None:
    config = replace(CONFIG, query_bias=True)
    params = jax.tree.map(lambda array: array.astype(dtype), init(config, jax.random.key(0)))
    x = jax.random.normal(jax.random.key(1), (4, 12), dtype)
    layer = jax.jit(lambda params, x: forward(config, params, x))
    with interpreted():
        program, got = layer.lower(params, x).as_text(), layer(params, x)
    with library_operations():
        expected = layer(params, x)
    found = re.findall(r"dot_general.*: \(tensor<[\dx]+x(\w+)>, tensor<[\dx]+x(\w+)>\) -> tensor<[\dx]+xf32>", program)
    assert {operand for pair in found for operand in pair} == operands
    assert np.array_equal(got.indices, expected.indices)
    assert jnp.allclose(got.scores, expected.scores, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("axis", ["tokens", "parameters"])
def test_vmap_over_tokens_and_over_parameters(axis: str) -> None:
    params = init(CONFIG, jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (3, 4, 12))

    def y(params: Any, x: jax.Array) -> jax.Array:
        return forward(CONFIG, params, x).y

    if axis == "tokens":
        found = jax.vmap(y, (None, 0))(params, x)
        expected = jnp.stack([y(params, part) for part in x])
    else:
        several = [init(CONFIG, jax.random.key(seed)) for seed in range(3)]
        stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *several)
        found = jax.vmap(y)(stacked, x)
        expected = jnp.stack([y(own, part) for own, part in zip(several, x, strict=True)])
    assert jnp.allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_scan_remat_and_second_derivatives_are_those_of_library_operations() -> None:
    params = init(CONFIG, jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (2, 4, 12))

    def derivatives() -> tuple[jax.Array, jax.Array]:
        @jax.checkpoint
        def loss(x: jax.Array) -> jax.Array:
            return (forward(CONFIG, params, x).y ** 2).sum()

        _, first = jax.lax.scan(lambda carry, part: (carry, jax.grad(loss)(part)), 0, x)
        return first, jax.grad(lambda part: (jax.grad(loss)(part) ** 2).sum())(x[0])

    with interpreted():
        got = derivatives()
    with library_operations():
        expected = derivatives()
    assert all(jnp.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(got, expected, strict=True))


def test_kernels_take_the_backward_pass_of_a_forward_pass_by_library_operations() -> None:
    params, x = init(CONFIG, jax.random.key(0)), jax.random.normal(jax.random.key(1), (4, 12))

    def y(params: Any, x: jax.Array) -> jax.Array:
        return forward(CONFIG, params, x).y

    with library_operations():
        value, pull = jax.vjp(y, params, x)
        expected = pull(value)
    with interpreted():
        got = pull(value)
    same = jax.tree.map(lambda a, b: bool(jnp.allclose(a, b, rtol=1e-5, atol=1e-6)), got, expected)
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("make", [row_sgd, row_adagrad, lazy_adam])
def test_optimisers_of_rows_take_the_steps_of_library_operations(make: Any) -> None:
    source = np.random.default_rng(0)
    ids = jnp.asarray(source.integers(-1, 9, (6, 5)))  # -1 is of no row
    weights, x = (jnp.asarray(source.standard_normal(shape), jnp.float32) for shape in ((6, 5), (6, 7)))
    table = jnp.asarray(source.standard_normal((9, 7)), jnp.float32)

    def stepped() -> Any:
        optimiser = make(optax.linear_schedule(0.1, 0.2, 3))
        params, state = {"t": table}, optimiser.init({"t": table})
        for _ in range(3):
            gradient = {"t": RowGradient(ids, weights, x, jnp.int32(1))}
            updates, state = optimiser.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
        return params, state

    with interpreted():
        got = stepped()
    with library_operations():
        expected = stepped()
    same = jax.tree.map(lambda a, b: bool(jnp.allclose(a, b, rtol=2e-5, atol=1e-6)), got, expected)
    assert all(jax.tree.leaves(same))


SHARDED = """
import sys
sys.path.insert(0, sys.argv[1])
import jax, jax.numpy as jnp, jax_interpreted
from jax.sharding import Mesh, PartitionSpec as P
from peerspec.backends.jax import PeerConfig, forward, init
from peerspec.backends.jax.operation import interpreted

config = PeerConfig(d_model=12, heads=3, num_experts=25, top_k=4, d_key=8)
params, x = init(config, jax.random.key(0)), jax.random.normal(jax.random.key(1), (6, 12))
gradient = jax.grad(lambda params, x: (forward(config, params, x).y ** 2).sum())
mesh = Mesh(jax.devices(), ("d",))
checked = sys.argv[2] == "True"  # then the gradient of what does not vary over devices is their sum already
in_parts = gradient if checked else lambda params, x: jax.lax.psum(gradient(params, x), "d")
with interpreted():
    mapped = jax.shard_map(in_parts, mesh=mesh, in_specs=(P(), P("d")), out_specs=P(), check_vma=checked)
    got = jax.jit(mapped)(params, x)
    want = gradient(params, x)
print(len(jax.devices()), all(bool(jnp.allclose(got[k], want[k], rtol=1e-5, atol=1e-5)) for k in want))
"""


@pytest.mark.parametrize("checked", [False, True])
def test_tokens_sharded_over_devices_give_the_gradients_of_all(checked: bool) -> None:
    settings = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "TRITON_INTERPRET": "1"}
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", SHARDED, here, str(checked)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=300)
    assert done.stdout == "2 True\n", done.stderr
