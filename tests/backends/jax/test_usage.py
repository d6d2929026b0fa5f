"""Usage in JAX: the figures of the reference for all routings together, within the error of two numbers per sum."""

from __future__ import annotations

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.on_devices import on_devices
from support.usage import unevenness_bound

from peerspec.backends.jax import PeerConfig, forward, init
from peerspec.backends.jax.usage import (
    UsageState,
    counts_of,
    gate_sums_of,
    init_usage,
    merge_usage,
    unevenness,
    update_usage,
    usage,
)
from peerspec.reference import InputError
from peerspec.reference import expert_usage as reference_usage
from peerspec.reference import unevenness as reference_unevenness

CONFIG = PeerConfig(d_model=8, heads=2, num_experts=49, top_k=4, d_key=4)
UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}


def assert_figures(state: UsageState, ids: list[np.ndarray], gates: list[np.ndarray]) -> None:
    """The counts exactly; the sums of gates within the error that the module states, of first order and twice it."""
    count, u = len(state.low), UNIT[state.gate_sums.dtype]
    counts = [np.bincount(np.ravel(each), minlength=count) for each in ids]
    most, total = max(int(each.max()) for each in counts), sum(counts)
    relative = 2 * ((most - 1) * u + len(ids) * 3 * u**2) + 2 * int(total.max()) * 2.0**-53
    all_ids, all_gates = (np.concatenate([np.ravel(each) for each in arrays]) for arrays in (ids, gates))
    sums = np.bincount(all_ids, all_gates.astype(np.float64), count)
    assert counts_of(state).tolist() == total.tolist()
    assert (abs(gate_sums_of(state) - sums) <= relative * sums).all()
    assert usage(state) == reference_usage(all_ids, count)
    expected = reference_unevenness(all_ids, all_gates, count)
    assert abs(unevenness(state) - expected) <= unevenness_bound(total, relative)


@pytest.mark.stack("jax", "`jit`", "`update_usage` with the state donated")
@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_the_figures_are_those_of_all_routings_together(gate):
    config = PeerConfig(8, 2, 49, 4, 4, gate=gate)
    params, state, ids, gates = init(config, jax.random.key(0)), init_usage(config), [], []
    update = jax.jit(update_usage, donate_argnums=0)
    for step, lead in enumerate(((5,), (2, 3), (40,))):
        out = forward(config, params, jax.random.normal(jax.random.key(step), (*lead, 8)))
        state = update(state, out.indices, out.gates)
        ids.append(np.asarray(out.indices))
        gates.append(np.asarray(out.gates))
    assert_figures(state, ids, gates)
    assert 0 < usage(state) < 1


@pytest.mark.parametrize("x64", [False, True])
def test_the_error_does_not_grow_with_the_number_of_updates(x64):
    """One expert takes 20,000 gates, one in each update: a plain sum of float32 is off by 2⁻¹⁶ and more."""
    steps = 20_000
    with jax.enable_x64(x64):
        gates = np.random.default_rng(0).random((steps, 1, 2), np.float32)
        ids = jnp.broadcast_to(jnp.array([[0, 1]]), gates.shape)
        ids = ids.at[::100, :, 1].set(2)
        state, _ = jax.lax.scan(lambda s, each: (update_usage(s, *each), None), init_usage(CONFIG), (ids, gates))
        assert state.gate_sums.dtype == (np.float64 if x64 else np.float32)
        assert_figures(state, list(np.asarray(ids)), list(gates))
    plain, exact = np.float32(0), gates[:, 0, 0].sum(dtype=np.float64)
    for each in gates[:, 0, 0]:
        plain += each
    assert abs(plain - exact) > 100 * abs(float(gate_sums_of(state)[0]) - exact)


def test_counts_pass_the_largest_number_of_32_bits():
    near = init_usage(CONFIG)._replace(low=jnp.full(49, 2**32 - 2, jnp.uint32), high=jnp.full(49, 3, jnp.uint32))
    ids = jnp.array([[0, 0], [0, 1]])
    state = update_usage(near, ids, jnp.ones((2, 2)))
    assert counts_of(state)[:3].tolist() == [4 * 2**32 + 1, 4 * 2**32 - 1, 4 * 2**32 - 2]
    assert counts_of(merge_usage(near, near))[0] == 2 * (4 * 2**32 - 2)


def test_only_tokens_of_the_mask_are_added_and_a_nan_outside_it_does_no_harm():
    ids, gates = jnp.array([[[0, 1]], [[1, 2]], [[3, 4]]]), jnp.array([[[0.5, 0.5]], [[jnp.nan, 1]], [[0.25, 0.75]]])
    mask = jnp.array([True, False, True])
    state = update_usage(init_usage(CONFIG), ids, gates, mask)
    assert_figures(state, [np.asarray(ids[mask])], [np.asarray(gates[mask])])
    assert math.isnan(unevenness(update_usage(state, ids, gates)))


def test_without_gates_unevenness_is_nan():
    empty = update_usage(init_usage(CONFIG), jnp.zeros((0, 2, 4), int), jnp.zeros((0, 2, 4)))
    assert usage(empty) == 0
    assert math.isnan(unevenness(empty))


def test_it_has_no_derivative():
    def loss(gates):
        return update_usage(init_usage(CONFIG), jnp.zeros(gates.shape, int), gates).gate_sums.sum()

    assert not jax.grad(loss)(jnp.ones((3, 2, 4))).any()


def test_merged_states_are_those_of_both():
    keys = jax.random.split(jax.random.key(0), 4)
    ids = [jax.random.randint(key, (9, 2, 4), 0, 49) for key in keys[:2]]
    gates = [jax.random.uniform(key, (9, 2, 4)) for key in keys[2:]]
    parts = [update_usage(init_usage(CONFIG), *each) for each in zip(ids, gates, strict=True)]
    assert_figures(jax.jit(merge_usage)(*parts), list(map(np.asarray, ids)), list(map(np.asarray, gates)))


@pytest.mark.stack("jax", "explicit mesh axes", "`update_usage` over the tokens of all devices")
@pytest.mark.stack("jax", "`shard_map`", "`update_usage` over the tokens of all devices, with `check_vma`")
def test_several_devices_count_the_tokens_of_all():
    found = on_devices(2, Path(__file__).with_name("usage_on_devices.py"), core=False)
    one = found.pop("one device")
    assert sum(one["counts"]) == 5 * 8
    for each in found.values():
        assert each["counts"] == one["counts"]
        # sums of at most 16 gates in another order
        assert np.allclose(each["gates"], one["gates"], rtol=2 * 16 * 2.0**-24, atol=0)
    assert set(found) == {"shard_map", "automatic axes", "explicit axes"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, i, g: update_usage(s, i, g[:1]), r"must have one shape, got \(3, 2, 4\) and \(1, 2, 4\)"),
        (lambda s, i, g: update_usage(s, i, g, jnp.ones(3)), r"mask must be boolean of shape \(3,\), got float32"),
        (lambda s, i, g: merge_usage(s, init_usage(PeerConfig(8, 2, 9, 4, 4))), "got 9 beside 49 experts"),
        (lambda s, i, g: jax.jit(usage)(s), "return the state, and ask outside jit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(init_usage(CONFIG), jnp.zeros((3, 2, 4), int), jnp.ones((3, 2, 4)))
    assert "\n" not in str(caught.value)
