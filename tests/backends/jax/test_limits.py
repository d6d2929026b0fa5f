"""Limits of the backend: its memory, no change of global flags, and its imports."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from peerspec.backends.jax import backend, forward, init
from peerspec.reference import PeerConfig, TableError

WITHOUT_JAX = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jax", "jaxlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
import peerspec.backends.jax
"""


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_million_experts_need_no_memory_of_their_size(dtype):
    config, tokens = PeerConfig(64, 8, 2**20, 16, 32), 256
    params = {name: jax.ShapeDtypeStruct(shape, dtype) for name, shape in config.shapes().items()}
    x = jax.ShapeDtypeStruct((tokens, 64), dtype)
    compiled = jax.jit(lambda p, x: forward(config, p, x).y).lower(params, x).compile()
    half_scores = 2 * tokens * 8 * config.n * 4
    # Memory for the half scores, for their copy without −0, and the same again for everything else. A table in float32
    # is 16 times as large as the half scores, and N scores of each token and head are 512 times as large.
    assert compiled.memory_analysis().temp_size_in_bytes < 3 * half_scores


def test_the_rows_of_a_large_batch_are_not_held_at_once():
    config, tokens = PeerConfig(512, 8, 2**10, 16, 32), 512
    params = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in config.shapes().items()}
    x = jax.ShapeDtypeStruct((tokens, 512), jnp.float32)
    compiled = jax.jit(lambda p, x: forward(config, p, x).y).lower(params, x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < tokens * 8 * 16 * 512 * 4 / 8


def test_float64_leaves_the_global_flag_as_it_was(make_layer):
    layer = make_layer(np.float64)
    assert not jax.config.jax_enable_x64
    out = backend.forward(layer, np.ones((2, 5)))
    backend.gradients(layer, np.ones((2, 5)), np.ones((2, 7)))
    backend.select(np.zeros(2), np.zeros(2), 1)
    assert out.y.dtype == np.float64
    assert not jax.config.jax_enable_x64
    assert jnp.zeros(1).dtype == jnp.float32


@pytest.mark.parametrize("dtype", [jnp.int32, "complex64", "foo", 3])
def test_parameters_of_another_dtype_are_one_sentence(dtype):
    with pytest.raises(TableError, match=r"parameters must be of dtype float64, .*, got .* \(PAR-5\)"):
        init(PeerConfig(4, 1, 9, 2, 4), jax.random.key(0), dtype)


def test_without_jax_the_error_says_what_to_install():
    run = subprocess.run([sys.executable, "-c", WITHOUT_JAX], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        'ImportError: peerspec.backends.jax needs JAX, which is not installed; run: pip install "peerspec[jax]"'
    )


def test_the_reference_and_the_backends_room_do_not_import_jax():
    code = "import sys, peerspec.reference, peerspec.backends; assert 'jax' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_module_claims_what_the_contract_names():
    assert backend.name == "jax"
    assert backend.profiles == {
        *("float32", "float64", "bfloat16", "float16", "mixed-bfloat16", "mixed-float16", "select", "training"),
        *("query-norm", "glu", "sigmoid", "per-head-keys", "query-bias", "frozen-statistics"),
        *("growth", "trainable", "adapter", "dense", "token-choice", "expert-choice", "pkm"),
    }
