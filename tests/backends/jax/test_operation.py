"""Each operation has one derivative, that of its formula, with the core and without it; one file chooses the core."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.paths import both_paths

from peerspec.backends import jax as room
from peerspec.backends.jax import fast_compile, forward, library_operations, params_from_layer
from peerspec.backends.jax.activations import activate
from peerspec.backends.jax.experts import expert_stage
from peerspec.backends.jax.gates import gates
from peerspec.backends.jax.operation import operation
from peerspec.backends.jax.query import query
from peerspec.backends.jax.retrieval import retrieve
from peerspec.reference import gradients

path = both_paths(library_operations)


def integers(seed, *shape):
    """Small integers, whose products and sums are exact in float32 in every order."""
    return jnp.asarray(np.random.default_rng(seed).integers(-2, 3, shape), jnp.float32)


def derivatives(function, arguments):
    """The function's value, its gradient, and the gradient of the sum of the squares of that gradient."""

    def value(*arguments):
        result = function(*arguments)
        return (result * (1 + jnp.arange(result.size) % 3).reshape(result.shape)).sum()

    everything = tuple(range(len(arguments)))

    def first(*arguments):
        return jax.grad(value, argnums=everything)(*arguments)

    def second(*arguments):
        squares = lambda *arguments: sum((g**2).sum() for g in jax.tree.leaves(first(*arguments)))  # noqa: E731
        return jax.grad(squares, argnums=everything)(*arguments)

    run = jax.jit(lambda *a: (value(*a), first(*a), second(*a)), compiler_options=fast_compile.fast_options())
    return run(*arguments)


def assert_same_derivatives(function, formula, *arguments):
    jax.tree.map(np.testing.assert_array_equal, derivatives(function, arguments), derivatives(formula, arguments))


@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
def test_the_derivatives_of_the_query_are_those_of_the_formula(bias):
    params = {"query.weight": integers(0, 3, 4, 5)} | ({"query.bias": integers(1, 3, 4)} if bias else {})

    def formula(params, x):
        return jnp.einsum("td,hcd->thc", x, params["query.weight"]) + params.get("query.bias", 0)

    assert_same_derivatives(query, formula, params, integers(2, 6, 5))


@pytest.mark.parametrize("key_heads", [1, 3])
def test_the_derivatives_of_retrieval_are_those_of_the_formula_at_its_ids(key_heads):
    keys, q = integers(0, key_heads, 2, 4, 2), integers(1, 6, 3, 4)
    i, j = jnp.divmod(retrieve(keys, q, 5).indices, 4)

    def formula(keys, q):
        keys, head = jnp.broadcast_to(keys, (3, 2, 4, 2)), jnp.arange(3)[:, None]
        first, second = q[..., None, :2] * keys[head, 0, i], q[..., None, 2:] * keys[head, 1, j]
        return (first + second).sum(-1)

    assert_same_derivatives(lambda keys, q: retrieve(keys, q, 5).scores, formula, keys, q)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_derivatives_of_gates_are_those_of_the_formula(kind):
    formula = {"softmax": jax.nn.softmax, "sigmoid": jax.nn.sigmoid}[kind]
    with jax.enable_x64(True):
        scores = jnp.asarray(np.random.default_rng(0).standard_normal((6, 3, 4)))
        ours, theirs = (derivatives(f, (scores,)) for f in (lambda s: gates(kind, s), formula))
    for a, b in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        # sums of at most 72 terms of at most 3, each rounded in float64 a few times
        np.testing.assert_allclose(a, b, rtol=0, atol=72 * 3 * 8 * 2.0**-53)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("names", ["uv", "uvw"], ids=["mlp", "glu"])
def test_the_derivatives_of_the_expert_stage_are_those_of_the_formula(activation, names):
    tables = {name: integers(i, 9, 7 if name == "v" else 5) for i, name in enumerate(names)}
    ids = jnp.asarray(np.random.default_rng(3).integers(0, 9, (6, 4)))

    def formula(tables, x, gate):
        products = {name: jnp.einsum("tkd,td->tk", tables[name][ids], x) for name in tables if name != "v"}
        value = activate(activation, products.get("w", products["u"])) * (products["u"] if "w" in tables else 1)
        return jnp.einsum("tk,tkm->tm", gate * value, tables["v"][ids])

    ours = lambda tables, x, gate: expert_stage(activation, tables, x, ids, gate)  # noqa: E731
    assert_same_derivatives(ours, formula, tables, integers(4, 6, 5), integers(5, 6, 4))


@pytest.mark.parametrize("options", [{"expert": "glu", "query_bias": True}, {"key_heads": 3}], ids=str)
def test_the_derivative_of_the_layer_is_that_of_the_reference(make_integer_layer, options):
    layer = make_integer_layer(np.float32, tied=True, **options)
    x, dy = integers(0, 40, 5), integers(1, 40, 7)
    grad = jax.grad(lambda params, x: (forward(layer.config, params, x).y * dy).sum(), argnums=(0, 1))
    dparams, dx = jax.jit(grad)(params_from_layer(layer), x)
    want = gradients(layer, np.asarray(x), np.asarray(dy))
    for name, got in {**dparams, "x": dx}.items():
        np.testing.assert_array_equal(got, want[name].astype(np.float32), err_msg=name)


def test_an_operation_is_computed_by_the_core_only_if_it_is_supported(path):
    double = operation(
        core=lambda n, a: a * n, library=lambda n, a: -a * n, backward=lambda n, _, d: (n * d,), num_static=1
    )
    assert jax.jit(double, static_argnums=0)(2, jnp.ones(())) == (2 if path == "core" else -2)
    assert jax.grad(double, argnums=1)(2, jnp.ones(())) == 2


def test_one_file_decides_on_the_core():
    decision = re.compile(r"is_supported|is_registered|platform_dependent|native\.available|_core_enabled")
    files = sorted(Path(room.__file__).parent.rglob("*.py"))
    assert {file.name for file in files if decision.search(file.read_text())} == {"native.py", "operation.py"}
    native = next(file for file in files if file.name == "native.py").read_text()
    assert set(decision.findall(native)) == {"is_registered", "native.available"}  # the definition
