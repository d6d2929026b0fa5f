"""Gradients of tables as rows: equal to the dense ones under every transformation, with the core and without it.

Data are exact, so every order of summation gives the same bits, and both paths share the wanted results.
"""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.paths import WITH_THE_CORE, both_paths

from peerspec.backends.jax import backend, fast_compile, forward, library_operations, params_from_layer
from peerspec.backends.jax.gradient_taps import empty_tap
from peerspec.backends.jax.optim import RowGradient, labels, merged, value_and_grad
from peerspec.backends.jax.optim.gradient import gradients_of
from peerspec.conformance import check_backend
from peerspec.reference import InputError, PeerConfig

TABLES = ("experts.u", "experts.v", "experts.w")


path = both_paths(library_operations)


def fast_jit(function):
    """Fast compilation, as for the suite's programs on few tokens."""
    return jax.jit(function, compiler_options=fast_compile.fast_options())


@pytest.fixture(scope="module")
def case(make_integer_layer):
    layer = make_integer_layer(np.float32, tied=True, d_out=5, expert="glu")
    rng = np.random.default_rng(0)
    x, dy = (jnp.asarray(rng.integers(-2, 3, (4, 3, 5)), jnp.float32) for _ in range(2))
    return SimpleNamespace(config=layer.config, params=params_from_layer(layer), x=x, dy=dy)


@pytest.fixture
def loss(case):
    return lambda params, x, dy: (forward(case.config, params, x).y * dy).sum()


@pytest.fixture(scope="module")
def wanted(case):
    """Value and dense gradient for all tokens, and the gradients of each of the four batches."""
    of = lambda params, x, dy: (forward(case.config, params, x).y * dy).sum()  # noqa: E731
    run = fast_jit(jax.value_and_grad(of))
    each = [run(case.params, *batch) for batch in zip(case.x, case.dy, strict=True)]
    return run(case.params, case.x, case.dy), jax.tree.map(lambda *parts: jnp.stack(parts), *each)


def is_rows(node):
    return isinstance(node, RowGradient)


def dense(gradients):
    """Row gradients replaced by dense ones, for layers of 16 experts."""
    every = partial(RowGradient.dense, num_rows=16)

    def of(gradient):
        if not is_rows(gradient):
            return gradient
        return jax.vmap(every)(gradient) if gradient.intact.ndim else every(gradient)

    return fast_jit(lambda gradients: jax.tree.map(of, gradients, is_leaf=is_rows))(gradients)


def assert_trees_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_rows_are_the_dense_gradient_and_other_parameters_have_their_own(case, loss, wanted):
    value, gradients = fast_jit(value_and_grad(loss))(case.params, case.x, case.dy)
    assert_trees_equal((value, dense(gradients)), wanted[0])
    assert jax.tree.structure(gradients, is_leaf=is_rows) == jax.tree.structure(case.params)
    assert {name for name, gradient in gradients.items() if is_rows(gradient)} == set(TABLES)
    assert gradients["experts.u"].ids.shape == gradients["experts.w"].weights.shape == (12, 12)
    assert gradients["experts.v"].x.shape == (12, 5)


@WITH_THE_CORE
def test_parameters_may_lie_anywhere_in_a_tree_and_the_loss_may_return_auxiliary_data(case, loss, wanted):
    tree = {"layers": [case.params], "factor": jnp.float32(2)}

    def of(tree, x):
        value = loss(tree["layers"][0], x, case.dy)
        return tree["factor"] * value, value

    (value, other), gradients = fast_jit(value_and_grad(of, has_aux=True))(tree, case.x)
    assert value == 2 * other == 2 * gradients["factor"] == 2 * wanted[0][0]
    assert_trees_equal(dense(gradients["layers"][0]), jax.tree.map(lambda array: 2 * array, wanted[0][1]))
    assert jax.tree.leaves(labels(gradients)) == jax.tree.leaves(labels(tree))
    assert jax.tree.leaves(labels(tree)).count("tables") == 3


def test_vmap_over_tokens_and_checkpoint_make_one_gradient_of_all_tokens(case, loss, wanted):
    def of(params):
        return jax.vmap(jax.vmap(jax.checkpoint(loss), (None, 0, 0)), (None, 0, 0))(params, case.x, case.dy).sum()

    value, gradients = fast_jit(value_and_grad(of))(case.params)
    assert gradients["experts.u"].ids.shape == (12, 12)
    assert_trees_equal((value, dense(gradients)), wanted[0])


def test_vmap_of_the_gradient_gives_each_element_its_own(case, loss, wanted):
    each = fast_jit(jax.vmap(value_and_grad(loss), (None, 0, 0)))(case.params, case.x, case.dy)
    assert_trees_equal((each[0], dense(each[1])), wanted[1])


@WITH_THE_CORE
def test_vmap_of_the_gradient_of_a_vmap_gives_each_element_its_own(case, loss, wanted):
    def of(params, x, dy):
        return jax.vmap(loss, (None, 0, 0))(params, x, dy).sum()

    each = fast_jit(jax.vmap(value_and_grad(of), (None, 0, 0)))(case.params, case.x, case.dy)
    assert_trees_equal((each[0], dense(each[1])), wanted[1])


@WITH_THE_CORE
def test_vmap_over_layers_gives_each_layer_its_own(case, loss, wanted):
    layers = jax.tree.map(lambda array: jnp.stack((array, array)), case.params)

    def of(layers):
        return jax.vmap(lambda params, times: times * loss(params, case.x, case.dy))(layers, jnp.arange(2.0) + 1).sum()

    gradients = dense(fast_jit(value_and_grad(of))(layers)[1])
    assert_trees_equal(gradients, jax.tree.map(lambda array: jnp.stack((array, 2 * array)), wanted[0][1]))


def test_scan_over_layers_gives_each_layer_its_own(case):
    layers = jax.tree.map(lambda array: jnp.stack((array, array[..., ::-1])), case.params)

    def of(layers):
        step = jax.checkpoint(lambda x, layer: (forward(case.config, layer, x).y, None))
        return (jax.lax.scan(step, jnp.sign(case.x), layers)[0] * case.dy).sum()

    (value, gradients), want = fast_jit(lambda layers: [f(of)(layers) for f in (value_and_grad, jax.value_and_grad)])(
        layers
    )
    assert_trees_equal((value, dense(gradients)), want)


def test_gradients_of_a_scan_over_batches_merge_to_that_of_all(case, loss, wanted):
    def accumulated(params):
        run = value_and_grad(loss)
        return merged(jax.lax.scan(lambda none, batch: (none, run(params, *batch)[1]), None, (case.x, case.dy))[1])

    got = fast_jit(accumulated)(case.params)
    assert got["experts.u"].ids.shape == (12, 12)
    assert_trees_equal(dense(got), wanted[0][1])


@WITH_THE_CORE
def test_a_layer_that_a_branch_leaves_out_has_no_rows(case, loss, wanted):
    def of(params, used):
        return jax.lax.cond(used, lambda p: loss(p, case.x, case.dy), lambda p: p["keys"].sum(), params)

    run = fast_jit(value_and_grad(of))
    rows = run(case.params, False)[1]["experts.u"]
    assert (rows.ids == -1).all()
    assert rows.intact == 1
    assert_trees_equal(dense(run(case.params, True)[1]), wanted[0][1])


@WITH_THE_CORE
def test_a_layer_whose_tap_does_not_reach_forward_is_refused(case, loss):
    def without(params, x):
        return loss({name: params[name] for name in case.params}, x, 1.0)

    for of in (without, lambda params, x: params["keys"].sum()):
        with pytest.raises(InputError, match=r"with its 'experts\.tap' .* leaves out a layer or this entry"):
            value_and_grad(of)(case.params, case.x)


@WITH_THE_CORE
def test_a_layer_used_twice_is_detected(case, loss):
    def of(params):
        return jax.lax.scan(lambda total, b: (total + loss(params, *b), None), 0.0, (case.x, case.dy))[0]

    assert fast_jit(value_and_grad(of))(case.params)[1]["experts.u"].intact == 4
    tap = empty_tap({name[-1]: case.params[name] for name in TABLES}, 1, 1, jnp.float32)
    with pytest.raises(InputError, match="uses one layer more than once"):
        gradients_of(case.params, case.params, tap._replace(uses=jnp.full(1, 2.0)))


@WITH_THE_CORE
def test_a_layer_used_on_batches_of_two_sizes_is_refused(case, loss):
    run = value_and_grad(lambda params, x: loss(params, x, 1.0) + loss(params, x[0], 1.0))
    with pytest.raises(InputError, match="same number of tokens, got 12 in one and 15 in another"):
        jax.eval_shape(jax.vmap(run, (None, 0)), case.params, jnp.stack([case.x] * 5))


@WITH_THE_CORE
def test_parameters_without_a_layer_are_refused():
    with pytest.raises(InputError, match="params must hold a dictionary"):
        value_and_grad(lambda params: params["keys"].sum())({"keys": jnp.ones(3)})


@WITH_THE_CORE
def test_rows_of_half_precision_are_in_float32_and_round_to_the_dense_gradient(case, loss, wanted):
    params, x = jax.tree.map(lambda array: array.astype(jnp.bfloat16), (case.params, case.x))
    rows = fast_jit(value_and_grad(loss))(params, x, case.dy)[1]
    assert rows["experts.v"].x.dtype == jnp.float32
    for name in TABLES:
        np.testing.assert_array_equal(dense(rows)[name], wanted[0][1][name])


def test_the_suite_passes_the_gradients_of_rows():
    def of(config, both, dy, mask):
        out = forward(config, both["params"], both["x"], mask=mask, training=True)
        return (out.y.astype(jnp.float32) * dy.astype(jnp.float32)).sum()

    def by_rows(config, both, *rest):
        found = value_and_grad(partial(of, config))(both, *rest)[1]
        whole = partial(RowGradient.dense, num_rows=config.num_experts)
        return jax.tree.map(
            lambda g: whole(g) if is_rows(g) else g, {**found["params"], "x": found["x"]}, is_leaf=is_rows
        )

    run = fast_compile.compiled(by_rows, static=(0,), tokens=2)

    def gradients(layer, x, dy, *, mask=None):
        found = run(layer.config, {"params": dict(layer.params), "x": x}, dy, mask)
        wanted = {"x", *layer.params} - {"query_norm.mean", "query_norm.var"}
        return {name: np.asarray(found[name]).astype(layer.dtype) for name in wanted}

    subject = SimpleNamespace(
        name="jax, by rows", profiles={"float32", "training"}, forward=backend.forward, gradients=gradients
    )
    assert check_backend(subject, size="minimal", only=["gradients."]).exit_status == 0


def test_a_million_experts_need_no_memory_of_their_size_for_a_gradient():
    config, tokens = PeerConfig(64, 8, 2**20, 16, 32), 64
    params = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in config.shapes().items()}
    x = jax.ShapeDtypeStruct((tokens, 64), jnp.float32)
    run = value_and_grad(lambda params, x: (forward(config, params, x).y ** 2).sum())
    memory = fast_jit(run).lower(params, x).compile().memory_analysis()
    assert memory.temp_size_in_bytes + memory.output_size_in_bytes < 2**20 * 64 * 4 / 16


def test_a_gradient_whose_arrays_were_added_up_is_nan_as_a_whole() -> None:
    ids, ones = jnp.array([[1, 200]]), jnp.ones((1, 2))
    assert jnp.isnan(RowGradient(ids, ones, jnp.ones((1, 3)), jnp.int32(2)).dense(4)).all()
    whole = RowGradient(jnp.array([[1, -1]]), ones, jnp.ones((1, 3)), jnp.int32(1)).dense(4)
    assert whole.tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]]
