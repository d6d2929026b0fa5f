"""Optimisers of rows in JAX: equal to dense updates where they claim it, in place, with and without the core."""

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from support.paths import WITH_THE_CORE, both_paths

from peerspec.backends.jax import (
    fast_compile,
    forward,
    layer_from_params,
    library_operations,
    optim,
    params_from_layer,
)
from peerspec.backends.jax.operation import is_supported
from peerspec.backends.jax.optim import RowGradient, labels, value_and_grad
from peerspec.backends.torch import PEER
from peerspec.backends.torch import optim as torch_optim
from peerspec.backends.torch.in_backward import receiver_of
from peerspec.backends.torch.touched import FactoredRows, touched_rows
from peerspec.reference import InputError, Layer, PeerConfig
from peerspec.reference.config import STATISTICS

CONFIG = PeerConfig(12, 2, 100, 3, 6, d_out=7, query_bias=True)
TABLES = ("experts.u", "experts.v")
KINDS = {"row_sgd": optim.row_sgd(0.05), "row_adagrad": optim.row_adagrad(0.05), "lazy_adam": optim.lazy_adam(0.05)}
TORCH = {"row_sgd": torch_optim.RowSGD, "row_adagrad": torch_optim.RowAdagrad, "lazy_adam": torch_optim.LazyAdam}


path = both_paths(library_operations)


@cache
def fast_jit(function):
    return jax.jit(function, compiler_options=fast_compile.fast_options())


def layer(dtype=np.float32):
    return params_from_layer(Layer.random(CONFIG, seed=0, dtype=dtype))


def batch(seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal((5, 12)).astype(dtype)


def loss(params, x):
    return (forward(CONFIG, params, x).y.astype(jnp.float32) ** 2).sum()


rows_of = value_and_grad(loss)


def gradient(params, seed):
    return fast_jit(rows_of)(params, batch(seed, params["keys"].dtype))[1]


def dense(gradients):
    return {n: g.dense(100) if isinstance(g, RowGradient) else g for n, g in gradients.items()}


def tables(tree):
    return {name: tree[name] for name in TABLES}


@cache
def stepped(optimiser):
    def step(gradients, state, params):
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    return fast_jit(step)


def train(optimiser, params, seeds, state=None, kind=lambda gradients: gradients):
    """Train the tables alone; the other parameters do not change."""
    state = optimiser.init(tables(params)) if state is None else state
    for seed in seeds:
        new, state = stepped(optimiser)(tables(kind(gradient(params, seed))), state, tables(params))
        params = {**params, **new}
    return params, state


def assert_trees_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("kind", ["row_sgd", "row_adagrad"])
def test_a_step_on_touched_rows_is_the_step_on_all_rows_bit_for_bit(kind):
    rows, _ = train(KINDS[kind], layer(), range(2))
    whole, _ = train(KINDS[kind], layer(), range(2), kind=fast_jit(dense))
    assert_trees_equal(rows, whole)
    assert not all((rows[name] == layer()[name]).all() for name in TABLES)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
@WITH_THE_CORE
def test_with_the_core_a_step_has_the_bits_of_torch(kind, dtype):
    params = layer(jnp.dtype(dtype))
    other = dict(PEER.from_layer(layer_from_params(CONFIG, params)).named_parameters())
    theirs = TORCH[kind]([other[name] for name in TABLES], lr=0.05, in_backward=True)
    state = None
    for seed in range(3):
        gradients = gradient(params, seed)
        params, state = train(KINDS[kind], params, [seed], state)
        for name in TABLES:
            ids, weights, x = (torch.from_numpy(np.array(part)) for part in gradients[name][:3])
            receiver_of(other[name])(other[name], FactoredRows(touched_rows(ids.long(), 100), weights, x))
        theirs.step()
    for name in TABLES:
        assert np.asarray(params[name]).tobytes() == other[name].detach().view(torch.uint8).numpy().tobytes()


def test_sgd_is_that_of_optax():
    params, gradients = layer(), gradient(layer(), 0)
    ours, _ = stepped(KINDS["row_sgd"])(gradients, KINDS["row_sgd"].init(params), params)
    optimiser, whole = optax.sgd(0.05), fast_jit(dense)(gradients)
    theirs, _ = stepped(optimiser)(whole, optimiser.init(params), params)
    for name, g in whole.items():
        # each rounds lr · gradient and the difference at most once, in float32 of unit roundoff 2⁻²⁴
        bound = 2 * 2**-24 * (np.abs(ours[name]) + 2 * 0.05 * np.abs(g))
        assert (np.abs(ours[name] - theirs[name]) <= bound).all()


@WITH_THE_CORE
def test_lazy_adam_is_adam_where_every_row_has_a_gradient():
    with jax.enable_x64(True):
        table, results = jnp.asarray(np.random.default_rng(0).standard_normal((6, 5))), []
        for optimiser in (optim.lazy_adam(0.01), optax.adam(0.01)):
            params, state = {"a": table}, optimiser.init({"a": table})
            for seed in range(5):
                g = {"a": jnp.asarray(np.random.default_rng(seed + 1).standard_normal((6, 5)))}
                params, state = stepped(optimiser)(g, state, params)
            results.append(params["a"])
        # a few roundings of 2⁻⁵³ a step, of steps of at most 0.01 / √(1 − 0.999)
        np.testing.assert_allclose(*results, rtol=0, atol=1e-12)


def test_lazy_adam_leaves_other_rows_and_their_moments_unchanged():
    params, state = train(KINDS["lazy_adam"], layer(), range(1))
    first = set(np.unique(gradient(layer(), 0)["experts.u"].ids))
    second = set(np.unique(gradient(params, 1)["experts.u"].ids))
    after, later = train(KINDS["lazy_adam"], params, range(1, 2), state)
    untouched = np.array(sorted(first - second))
    assert len(untouched)
    assert np.asarray(state.accumulators[0]["experts.u"])[untouched].any()
    for old, new in ((params, after), *zip(state.accumulators, later.accumulators, strict=True)):
        np.testing.assert_array_equal(np.asarray(old["experts.u"])[untouched], np.asarray(new["experts.u"])[untouched])
        assert (old["experts.u"] != new["experts.u"]).any()


@WITH_THE_CORE
def test_merged_gradients_are_those_of_one_batch_of_both():
    params = layer()
    both = jax.tree.map(lambda *parts: jnp.stack(parts), gradient(params, 0), gradient(params, 1))
    got = fast_jit(dense)(fast_jit(optim.merged)(both))
    parts = [fast_jit(dense)(gradient(params, seed)) for seed in (0, 1)]
    for name, total in got.items():
        # sums of a few terms in float32; each of both sides rounds each term and each addition once
        bound = 20 * 2**-24 * (np.abs(parts[0][name]) + np.abs(parts[1][name]) + 1)
        assert (np.abs(total - parts[0][name] - parts[1][name]) <= bound).all()


def test_clipping_counts_rows_and_dense_gradients_together():
    with jax.enable_x64(True):
        params = layer(np.float64)
        gradients = optim.merged(jax.tree.map(lambda *p: jnp.stack(p), *(gradient(params, seed) for seed in (0, 1))))
        want, _ = optax.clip_by_global_norm(0.5).update(dense(gradients), optax.EmptyState())
        clip = optim.clip_by_global_norm(0.5)
        got, _ = fast_jit(clip.update)(gradients, clip.init(params))
        norm = fast_jit(optim.global_norm)(gradients)
        np.testing.assert_allclose(norm, optax.tree.norm(dense(gradients)), rtol=1e-13)
        for name, g in dense(got).items():
            np.testing.assert_allclose(g, want[name], rtol=1e-12, atol=1e-16)
        assert_trees_equal(fast_jit(optim.clip_by_global_norm(1.0).update)(got, None)[0], got)


@WITH_THE_CORE
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumed_from_a_file_ends_bit_for_bit_where_it_would_have(kind, tmp_path):
    optimiser = KINDS[kind]
    whole, _ = train(optimiser, layer(), range(4))
    leaves, structure = jax.tree.flatten(train(optimiser, layer(), range(2)))
    np.savez(tmp_path / "run.npz", *leaves)
    saved = np.load(tmp_path / "run.npz")
    params, state = structure.unflatten([jnp.asarray(saved[name]) for name in saved.files])
    assert_trees_equal(train(optimiser, params, range(2, 4), state)[0], whole)


@WITH_THE_CORE
def test_rates_may_be_schedules_and_arrays():
    params, g = tables(layer()), tables(gradient(layer(), 0))
    plain = optim.lazy_adam(0.5)
    want = stepped(plain)(g, plain.init(params), params)[0]
    schedule = optim.lazy_adam(lambda count: jnp.where(count == 0, 0.5, 0.0))
    first, state = stepped(schedule)(g, schedule.init(params), params)
    assert_trees_equal(first, want)
    assert_trees_equal(stepped(schedule)(g, state, first)[0], first)
    injected = optax.inject_hyperparams(optim.lazy_adam, static_args=("b1", "b2", "eps"))(learning_rate=0.5)
    assert_trees_equal(stepped(injected)(g, injected.init(params), params)[0], want)


@WITH_THE_CORE
def test_tables_of_several_layers_are_updated_as_each_alone():
    params, g = tables(layer()), [tables(gradient(layer(), seed)) for seed in (0, 1)]
    layers = jax.tree.map(lambda *parts: jnp.stack(parts), params, params)
    optimiser = KINDS["row_adagrad"]
    got, state = stepped(optimiser)(jax.tree.map(lambda *parts: jnp.stack(parts), *g), optimiser.init(layers), layers)
    for i in (0, 1):
        alone, alone_state = stepped(optimiser)(g[i], optimiser.init(params), params)
        stacked = jax.tree.map(lambda array, i=i: array[i], (got, state.accumulators))
        assert_trees_equal(stacked, (alone, alone_state.accumulators))


def test_a_batch_without_tokens_changes_nothing():
    params = layer()
    gradients = fast_jit(rows_of)(params, batch(0)[:0])[1]
    state = KINDS["lazy_adam"].init(tables(params))
    got, _ = stepped(KINDS["lazy_adam"])(tables(gradients), state, tables(params))
    assert_trees_equal(got, tables(params))
    assert fast_jit(optim.global_norm)(gradients) == 0


def test_no_optimiser_changes_running_statistics():
    config = dataclasses.replace(CONFIG, query_norm="batch")
    params = params_from_layer(Layer.random(config, seed=0))
    loss = lambda params: (forward(config, params, batch(0), training=True).y ** 2).sum()  # noqa: E731
    optimiser = optax.partition(
        {"tables": KINDS["lazy_adam"], "statistics": optax.set_to_zero(), "rest": optax.adamw(0.1, weight_decay=0.5)},
        labels,
    )
    gradients = fast_jit(value_and_grad(loss))(params)[1]
    after, _ = stepped(optimiser)(gradients, optimiser.init(params), params)
    kept = {name for name, array in params.items() if (array == after[name]).all()}
    assert kept == set(STATISTICS)
    with pytest.raises(ValueError, match="statistics"):  # left out, they are not taken for other parameters
        optax.partition({"tables": KINDS["lazy_adam"], "rest": optax.adamw(0.1)}, labels).init(params)


def test_a_training_step_copies_no_table():
    config = PeerConfig(16, 2, 2**14, 4, 8)
    shapes = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in config.shapes().items()}
    optimiser = optax.chain(
        optim.clip_by_global_norm(1.0),
        optax.partition({"tables": KINDS["lazy_adam"], "rest": optax.adamw(0.1)}, labels),
    )

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, x):
        _, gradients = value_and_grad(lambda params: (forward(config, params, x).y ** 2).mean())(params)
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    state = jax.eval_shape(optimiser.init, shapes)
    compiled = step.lower(shapes, state, jax.ShapeDtypeStruct((4, 16), jnp.float32)).compile()
    memory, table = compiled.memory_analysis(), 2**14 * 16 * 4
    donated = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((shapes, state)))
    assert memory.alias_size_in_bytes >= 0.99 * donated
    assert memory.temp_size_in_bytes < table / 4


def test_a_gradient_that_was_added_or_used_twice_is_refused(path):
    params, optimiser = layer(), KINDS["row_sgd"]
    added = tables(jax.tree.map(jnp.add, gradient(params, 0), gradient(params, 1)))
    run = lambda: stepped(optimiser)(added, optimiser.init(tables(params)), tables(params))[0]["experts.u"]  # noqa: E731
    if path == "core":
        # the class depends on whether the error comes before or after the call returns
        with pytest.raises(
            (ValueError, jax.errors.JaxRuntimeError), match=r"it was added to another.*backends\.jax\.optim"
        ):
            jax.block_until_ready(run())
    else:
        assert np.isnan(run()).any()


@WITH_THE_CORE
def test_transformations_that_scale_row_gradients_or_updates_are_refused():
    params = layer()
    for optimiser, error, message in (
        (optax.chain(optax.scale(0.5), KINDS["row_sgd"]), InputError, "was added to another one or scaled"),
        (optax.chain(KINDS["row_sgd"], optax.scale(0.5)), TypeError, "Updated"),
    ):
        with pytest.raises(error, match=message):
            jax.eval_shape(optimiser.update, gradient(params, 0), optimiser.init(params), params)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.row_sgd(-1.0), "learning_rate must not be negative"),
        (lambda: optim.row_adagrad(0.1, eps=-1.0), "eps must not be negative"),
        (lambda: optim.lazy_adam(0.1, b2=1.0), r"b2 must lie in \[0, 1\)"),
        (
            lambda: jax.jit(lambda eps: optim.row_adagrad(0.1, eps).init({}))(1.0),
            "eps must be a number known .* static_args",
        ),
        (lambda: optim.row_sgd(0.1).update({}, optim.row_sgd(0.1).init({})), "pass params to update"),
    ],
)
@WITH_THE_CORE
def test_options_out_of_range_and_missing_parameters_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_core_is_called_once_for_each_table(path):
    params, optimiser = layer(), KINDS["lazy_adam"]
    shapes = jax.eval_shape(lambda params: (rows_of(params, batch(0))[1], optimiser.init(params), params), params)
    text = stepped(optimiser).lower(*shapes).as_text()
    assert text.count("custom_call @peerspec_update_rows(") == (len(params) if path == "core" else 0)
    assert is_supported() == (path == "core")
