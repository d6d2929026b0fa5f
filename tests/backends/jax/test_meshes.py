"""Several devices: shard_map, and programs whose arrays are sharded, by automatic and by explicit axes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from support.on_devices import on_devices
from support.rounding import APART

from peerspec.backends.jax import PeerConfig, forward, init

PROGRAM, ROWS, EXPLICIT = (
    Path(__file__).with_name(name) for name in ("two_devices.py", "rows_on_devices.py", "explicit_on_devices.py")
)
CONFIG = PeerConfig(d_model=12, heads=2, num_experts=25, top_k=4, d_key=8, query_bias=True)


@pytest.mark.stack(
    "jax", "`jit` with `NamedSharding`", "tokens and tables whole or sharded, automatic and explicit axes"
)
@pytest.mark.stack("jax", "`shard_map`", "with `check_vma`, gradients included")
@pytest.mark.stack("jax", "explicit mesh axes", "each device evaluates its own tokens")
@pytest.mark.stack("jax", "`jit` with `NamedSharding`", "with the core each device evaluates its own tokens")
@pytest.mark.parametrize("core", [False, True])
def test_every_placement_on_two_devices_gives_the_result_of_one(core: bool) -> None:
    errors = on_devices(2, PROGRAM, core=core)
    assert len(errors) == 8 * 5 + 6 + 3 * 2 + 1
    if not core:  # XLA splits its own sort as it likes
        errors = {key: error for key, error in errors.items() if not key.endswith("gathered tokens, AxisType.Auto")}
    # sums over tokens have another order on two devices
    assert all(error < APART for error in errors.values()), errors


@pytest.mark.stack("jax", "`shard_map`", "gradients of rows and their optimisers, with `check_vma`")
@pytest.mark.stack("jax", "explicit mesh axes", "gradients of rows and their optimisers")
@pytest.mark.parametrize("core", [False, True])
def test_gradients_of_rows_are_those_by_the_tokens_of_all_devices(core: bool) -> None:
    errors = on_devices(4, ROWS, core=core)
    assert len(errors) == 7
    # sums over tokens have another order on four devices
    assert all(error < APART for error in errors.values()), errors


@pytest.mark.stack("jax", "explicit mesh axes", "masks from anywhere; batches without a token")
@pytest.mark.stack("jax", "explicit mesh axes", "inside a `shard_map` over some of the axes", refused=True)
def test_masks_and_empty_batches_are_those_of_one_device_with_explicit_axes() -> None:
    found = on_devices(4, EXPLICIT, core=False)
    sentences = found.pop("refused")
    assert all("at least one token that counts, got none" in sentence for sentence in sentences[:3]), sentences
    assert sentences[3].startswith("inside a shard_map over data, no axis of the mesh may be explicit, got more; ")
    assert found.pop("of no token") == 0
    assert len(found) == 5
    # sums over tokens have another order on two devices
    assert all(error < APART for error in found.values()), found


@pytest.mark.stack("jax", "`jax_numpy_rank_promotion`", "`raise`")
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_no_operation_promotes_ranks(norm: str) -> None:
    config = replace(CONFIG, query_norm=norm)
    params, x = init(config, jax.random.key(0)), jnp.ones((2, 3, 12))

    def loss(params: object, x: jax.Array) -> jax.Array:
        return forward(config, params, x, training=True).y.sum()  # type: ignore[arg-type]

    with jax.numpy_rank_promotion("raise"):
        strict = jax.jit(jax.grad(loss))(params, x)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, strict, jax.jit(jax.grad(loss))(params, x)))
