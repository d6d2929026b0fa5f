"""The pure functions under JAX's transformations, each against the plain call."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from support.rounding import APART

from peerspec.backends.jax import (
    backend,
    forward,
    init,
    layer_from_params,
    library_operations,
    params_from_layer,
    plain_operations,
)
from peerspec.reference import InputError, PeerConfig, TableError


@pytest.fixture(scope="module")
def exact(make_integer_layer):
    """On exact data every order of summation gives the same bits."""
    layer = make_integer_layer(np.float32, tied=True)
    rng = np.random.default_rng(0)
    x, dy = (jnp.asarray(rng.integers(-2, 3, (4, 3, size)), jnp.float32) for size in (5, 7))
    return layer.config, params_from_layer(layer), x, dy


def loss(config, params, x, dy):
    return (forward(config, params, x).y * dy).sum()


def assert_trees_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_jit_with_a_static_configuration_is_the_plain_call(exact):
    config, params, x, _ = exact
    assert_trees_equal(jax.jit(forward, static_argnums=0)(config, params, x), forward(config, params, x))


@pytest.mark.stack("jax", "`jit`, `grad`", "static configuration")
def test_grad_under_jit_is_the_gradient_of_the_contract(exact, make_integer_layer):
    config, params, x, dy = exact
    got = jax.jit(jax.grad(loss, argnums=(1, 2)), static_argnums=0)(config, params, x, dy)
    want = backend.gradients(make_integer_layer(np.float32, tied=True), np.asarray(x), np.asarray(dy))
    assert_trees_equal(got[0], {name: want[name] for name in params})
    np.testing.assert_array_equal(got[1], want["x"])


@pytest.mark.stack("jax", "`vmap`", "over tokens and over layers")
def test_vmap_over_tokens_and_over_layers_is_a_loop(exact):
    config, params, x, dy = exact
    mapped = jax.jit(jax.vmap(lambda x: forward(config, params, x)))(x)
    assert_trees_equal(mapped, jax.jit(forward, static_argnums=0)(config, params, x))
    pair = {name: np.stack((a, np.asarray(a)[..., ::-1])) for name, a in params.items()}
    gradient = jax.grad(lambda p: loss(config, p, x, dy))
    both, second = jax.jit(jax.vmap(gradient))(pair), jax.jit(gradient)({name: a[1] for name, a in pair.items()})
    assert_trees_equal({name: a[1] for name, a in both.items()}, second)


@pytest.mark.stack("jax", "`scan`, `checkpoint`", "gradients")
def test_scan_over_batches_and_checkpoint_keep_the_gradient(exact):
    config, params, x, dy = exact

    def scanned(params):
        step = jax.checkpoint(lambda total, b: (total + loss(config, params, *b), None))
        return jax.lax.scan(step, jnp.float32(0), (x, dy))[0]

    assert_trees_equal(jax.jit(jax.grad(scanned))(params), jax.jit(jax.grad(lambda p: loss(config, p, x, dy)))(params))


@pytest.mark.stack("jax", "second derivatives", "in reverse mode")
def test_a_second_derivative_in_reverse_mode_is_that_of_the_formula():
    # One expert, always chosen, gate 1: y = v·(w·x)·(u·x), exact on integers.
    config = PeerConfig(3, 1, 1, 1, 2, activation="identity", expert="glu")
    rng = np.random.default_rng(0)
    params = {name: jnp.asarray(rng.integers(-3, 4, shape), jnp.float32) for name, shape in config.shapes().items()}
    u, x = params["experts.u"], jnp.float32([1, -2, 3])

    def formula(u, x):
        return (params["experts.v"][0] * (params["experts.w"][0] @ x) * (u[0] @ x)).sum()

    def ours(u, x):
        return forward(config, {**params, "experts.u": u}, x).y.sum()

    def curvature(f):
        return jax.jit(jax.grad(lambda u, x: (jax.grad(f, argnums=1)(u, x) ** 2).sum(), argnums=(0, 1)))(u, x)

    assert_trees_equal(curvature(ours), curvature(formula))
    assert all(part.any() for part in curvature(formula))


@pytest.fixture(params=["softmax, batch norm", "sigmoid, GLU"])
def smooth(request):
    options = {"gate": "sigmoid", "expert": "glu", "key_heads": 2, "query_bias": True} if "GLU" in request.param else {}
    norm = {"query_norm": "batch"} if not options else {}
    config = PeerConfig(6, 2, 16, 3, 4, activation="silu", **options, **norm)
    with jax.enable_x64(True):
        params = init(config, jax.random.key(0), jnp.float64)
        yield config, params, jax.random.normal(jax.random.key(1), (4, 6))


@pytest.mark.stack("jax", "`jvp`, `jacfwd`, `hessian`", "inside `plain_operations()`")
def test_plain_operations_have_derivatives_of_every_order_in_both_modes(smooth):
    config, params, x = smooth

    def run(params, x):
        return (forward(config, params, x, training=True).y ** 2).sum()

    both = jax.jit(jax.grad(run, argnums=(0, 1)))(params, x)
    with plain_operations():
        forward_mode = jax.jit(jax.jacfwd(run, argnums=(0, 1)))(params, x)
        reverse_mode = jax.jit(jax.grad(run, argnums=(0, 1)))(params, x)
        hessian = jax.jit(jax.hessian(run, argnums=1))(params, x)
    direction = jax.random.normal(jax.random.key(2), x.shape)
    bent = jax.jit(jax.grad(lambda x: (jax.grad(run, argnums=1)(params, x) * direction).sum()))(x)
    for got in (forward_mode, reverse_mode):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=APART), got, both)
    np.testing.assert_allclose((hessian * direction).sum((2, 3)), bent, rtol=0, atol=APART)
    assert hessian.any()


def test_the_results_of_plain_operations_are_those_of_all_others(smooth):
    config, params, x = smooth
    right = forward(config, params, x)
    with plain_operations():
        got = forward(config, params, x)
    np.testing.assert_array_equal(got.indices, right.indices)
    np.testing.assert_allclose(got.y, right.y, rtol=0, atol=APART)


@pytest.mark.stack("jax", "`jvp`, `jacfwd`, `hessian`", "outside `plain_operations()`", refused=True)
def test_forward_mode_of_other_operations_is_refused(exact):
    config, params, x, _ = exact
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: forward(config, params, x).y, (x,), (x,))


CALLS = ("forward", "query", "retrieve", "gates", "expert_stage", "expert_stage_backward", "gather_sum", "scatter_add")


@pytest.mark.stack(
    "jax", "`jax.export`", "a symbolic number of tokens, forward and gradients, with and without the core"
)
@pytest.mark.parametrize("core", [True, False])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_an_exported_program_takes_every_number_of_tokens(core, norm):
    config = PeerConfig(8, 2, 16, 4, 4, query_norm=norm)
    allowed = [export.DisabledSafetyCheck.custom_call(f"peerspec_{name}") for name in CALLS]
    symbolic = jax.ShapeDtypeStruct((*export.symbolic_shape("batch, 2"), 8), jnp.float64)

    def run(params, x):
        return forward(config, params, x).y, jax.grad(lambda p: (forward(config, p, x).y ** 2).sum())(params)

    with jax.enable_x64(True), nullcontext() if core else library_operations():
        params = init(config, jax.random.key(0), jnp.float64)
        program = export.export(jax.jit(run), disabled_checks=allowed)(params, symbolic)
        program = export.deserialize(program.serialize())
        for count in (1, 5):  # a symbol of JAX is at least 1
            x = jax.random.normal(jax.random.key(1), (count, 2, 8))
            got, right = program.call(params, x), jax.jit(run)(params, x)
            # sums over pairs have another order
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=APART), got, right)


@pytest.mark.stack("jax", "`transfer_guard`", "`disallow`")
def test_a_call_transfers_nothing(exact):
    config, params, x, _ = exact
    with jax.transfer_guard("disallow"):
        forward(config, params, x).y.block_until_ready()
        jax.jit(jax.grad(lambda p: forward(config, p, x).y.sum()))(params)


@pytest.mark.stack("jax", "donation", "one array donated twice, as tied tables are", refused=True)
def test_a_donation_of_one_array_twice_is_refused():
    config = PeerConfig(8, 2, 16, 4, 4)
    params = init(config, jax.random.key(0))
    tied = {**params, "experts.v": params["experts.u"]}
    step = jax.jit(lambda p, x: jax.grad(lambda p: forward(config, p, x).y.sum())(p), donate_argnums=0)
    with pytest.raises(RuntimeError, match="donate the same buffer twice"):
        step(tied, jnp.ones((3, 8)))


def test_a_mask_inside_jit_counts_as_outside(make_layer):
    layer = make_layer(query_norm="batch")
    x = np.random.default_rng(0).standard_normal((2, 4, 5)).astype(np.float32)
    mask = np.arange(8).reshape(2, 4) % 3 > 0
    run = jax.jit(lambda p, x, m: forward(layer.config, p, x, mask=m, training=True))
    got, want = run(params_from_layer(layer), x, mask), backend.forward(layer, x, mask=mask, training=True)
    np.testing.assert_array_equal(got.indices, want.indices)
    assert set(got.state) == set(want.state)


def test_parameters_go_to_a_layer_and_back(make_layer):
    config = make_layer(query_norm="batch").config
    params = jax.jit(lambda key: init(config, key, jnp.bfloat16))(jax.random.key(1))
    assert_trees_equal(params_from_layer(layer_from_params(config, params)), params)
    deviation = float(params["experts.u"].astype(jnp.float32).std()) * config.d_model**0.5
    assert 0.5 < deviation < 2  # 80 normal draws: both bounds are more than six standard errors away
    assert (params["query_norm.var"] == 1).all()


def test_float64_without_64_bit_jax_is_refused_not_rounded(make_layer):
    layer = make_layer(np.float64)
    for call in (lambda: params_from_layer(layer), lambda: init(layer.config, jax.random.key(0), np.float64)):
        with pytest.raises(InputError, match=r"enable_x64\(True\)"):
            call()


def test_parameters_that_do_not_fit_are_refused_while_tracing(make_layer):
    layer = make_layer()
    params, x = params_from_layer(layer), jnp.zeros((2, 5))
    with pytest.raises(TableError, match=r"'keys'\] must have shape \(1, 2, 4, 4\).*got nothing"):
        forward(layer.config, {name: a for name, a in params.items() if name != "keys"}, x)
    with pytest.raises(TableError, match=r"'extra' is not a parameter"):
        forward(layer.config, {**params, "extra": x}, x)
    with pytest.raises(InputError, match=r"x must be float32 or bfloat16 or float16 .*, got int32; convert it"):
        forward(layer.config, params, x.astype(jnp.int32))
    with pytest.raises(TableError, match=r"'experts.u'\] must be float32 beside keys of float32, got bfloat16"):
        forward(layer.config, {**params, "experts.u": params["experts.u"].astype(jnp.bfloat16)}, x)
    with pytest.raises(InputError, match="SHP-1"):
        forward(layer.config, params, x[:, :4])
    with pytest.raises(InputError, match="SHP-2"):
        forward(layer.config, params, x, mask=jnp.ones((2, 1), bool))
    norm = make_layer(query_norm="batch")
    with pytest.raises(InputError, match="NRM-5"):
        forward(norm.config, params_from_layer(norm), x, mask=jnp.zeros(2, bool), training=True)
