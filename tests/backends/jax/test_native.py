"""The native core under JAX: where it is called, and the same results with it and without."""

import os
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from peerspec import native as core
from peerspec.backends.jax import backend, forward, init, library_operations, native, params_from_layer
from peerspec.backends.jax.operation import for_cpu_alone, is_supported
from peerspec.conformance import check_backend
from peerspec.reference import PeerConfig

pytestmark = pytest.mark.skipif(not core.available(), reason=core.unavailable_reason())

CONFIG = PeerConfig(d_model=20, heads=2, num_experts=49, top_k=5, d_key=8, expert="glu", query_norm="layer")


@pytest.fixture(scope="module")
def case(make_layer):
    layer = make_layer(d_model=5, expert="glu", query_norm="layer", key_heads=3)
    x = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)
    return layer.config, params_from_layer(layer), jnp.asarray(x)


def calls(function, *arguments):
    """The functions of the core that the program calls."""
    text = jax.jit(function).lower(*arguments).as_text()
    return {name for name in native._HANDLERS if f"@peerspec_{name}(" in text}


def loss(config, params, x):
    return (forward(config, params, x).y ** 2).sum()


def test_the_core_is_supported_unless_it_is_turned_off():
    assert is_supported()
    with library_operations():
        assert not is_supported()
    assert is_supported()


def test_without_the_core_the_backend_conforms_as_well():
    # one precision: the programs of the others differ only in dtypes
    supported = []

    def without_core(function):
        # inside each call: the block affects its own thread, and the suite calls on other threads
        def call(*arguments, **options):
            with library_operations():
                supported.append(is_supported())
                return function(*arguments, **options)

        return call

    parts = {part: without_core(getattr(backend, part)) for part in ("forward", "select", "gradients")}
    plain = SimpleNamespace(name=backend.name, profiles={"float32", "select", "training"}, **parts)
    report = check_backend(plain, size="minimal")
    assert str(report.verdict) == "conformant"
    assert supported
    assert not any(supported)


def test_a_function_compiled_with_the_core_is_compiled_again_without_it(case):
    config, params, x = case
    run = jax.jit(lambda x: forward(config, params, x).y)
    run(x)
    before = run._cache_size()
    with library_operations():
        run(x)
    assert run._cache_size() == before + 1
    run(x)
    assert run._cache_size() == before + 1


def test_forward_and_gradient_call_one_function_of_the_core_for_each_stage(case):
    config, params, x = case
    assert calls(lambda p, x: forward(config, p, x), params, x) == {"query", "retrieve", "gates", "expert_stage"}
    gradient = jax.grad(lambda p, x: loss(config, p, x), argnums=(0, 1))
    assert calls(gradient, params, x) == {
        *("query", "retrieve", "gates", "expert_stage", "expert_stage_backward", "scatter_add", "gather_sum")
    }
    with library_operations():
        assert calls(gradient, params, x) == set()


def test_for_another_platform_library_operations_are_compiled(case):
    config, params, x = case
    exported = jax.export.export(jax.jit(lambda x: forward(config, params, x).y), platforms=["cuda"])(x)
    assert "peerspec_" not in exported.mlir_module()


def test_for_the_cpu_alone_one_implementation_is_traced(case):
    config, params, x = case
    both = str(jax.make_jaxpr(lambda x: forward(config, params, x).y)(x))
    with for_cpu_alone():
        one = str(jax.make_jaxpr(lambda x: forward(config, params, x).y)(x))
    assert "platform_index" in both
    assert "platform_index" not in one
    assert calls(lambda x: forward(config, params, x), x) == {"query", "retrieve", "gates", "expert_stage"}


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_threads_changes_no_bit(threads):
    code = """
import hashlib, jax, numpy as np
from peerspec.backends.jax import forward, init
from peerspec.reference import PeerConfig
config = PeerConfig(20, 2, 49, 5, 8)
params, x = init(config, jax.random.key(0)), jax.random.normal(jax.random.key(1), (300, 20))
def f(params, x):
    out = forward(config, params, x)
    return (out.y ** 2).sum(), out
(_, out), grads = jax.jit(jax.value_and_grad(f, has_aux=True))(params, x)
experts = [grads[name] for name in ("experts.u", "experts.v")]
print(hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in (out.indices, out.y, *experts))).hexdigest())
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"NPROC": n}, capture_output=True, text=True, check=True
        )
        for n in (threads, "2")
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("options", [{}, {"query_norm": "layer", "query_bias": True}], ids=["one call", "stages"])
def test_a_token_has_the_same_bits_in_every_batch(options):
    config = PeerConfig(20, 2, 49, 5, 8, **options)
    params, x = init(config, jax.random.key(0)), jax.random.normal(jax.random.key(1), (130, 20))
    run = jax.jit(forward, static_argnums=0)
    whole = run(config, params, x)
    for size in (1, 3, 64):
        part = run(config, params, x[:size])
        for name in ("y", "scores", "indices", "gates"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:size], err_msg=f"{name}, {size}")


def test_one_call_gives_the_bits_of_the_stages():
    config = PeerConfig(20, 2, 49, 5, 8, query_bias=True)
    params, x = init(config, jax.random.key(0)), jax.random.normal(jax.random.key(1), (130, 20))
    assert calls(lambda x: forward(config, params, x), x) == {"forward"}
    differentiated = jax.jit(lambda x: jax.vjp(lambda x: forward(config, params, x).y, x)[0])
    assert calls(differentiated, x) == {"query", "retrieve", "gates", "expert_stage"}
    np.testing.assert_array_equal(differentiated(x), forward(config, params, x).y)


def test_vmap_over_tokens_repeats_no_table(case):
    config, params, x = case
    mapped = jax.vmap(lambda x: forward(config, params, x).y)
    assert (
        jax.jit(mapped).lower(x).as_text().count("custom_call @peerspec_expert_stage(") == 1
    )  # no loop, and no [B, N, D]
    np.testing.assert_array_equal(jax.jit(mapped)(x), jax.jit(lambda x: forward(config, params, x).y)(x))


def test_an_id_outside_the_table_is_one_sentence():
    table, ids = jnp.ones((4, 3)), jnp.full((2, 1), 4, jnp.int32)
    run = jax.jit(
        lambda: native.expert_stage("gelu", {"u": table, "v": table}, jnp.ones((2, 3)), ids, jnp.ones((2, 1)))
    )
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"an id lies outside its table.*IDX-1"):
        jax.block_until_ready(run())


def test_the_environment_turns_the_core_off():
    code = "from peerspec.backends.jax.operation import is_supported; print(is_supported())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PEERSPEC_JAX_CORE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
