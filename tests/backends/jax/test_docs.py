"""The programs of ``docs/jax.md`` run."""

import re
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from peerspec.export import read_layer
from peerspec.reference import Layer
from peerspec.reference.config import STATISTICS

PAGE = Path(__file__).parents[3] / "docs" / "jax.md"


@pytest.mark.stack("jax", "Equinox", "parameters in an `eqx.Module`, `eqx.filter_jit`, optimisers of rows")
def test_the_programs_of_the_page_run_and_lower_the_loss(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    first, norm, second, equinox, third = blocks
    exec(first, names)
    start, later = names["loss_of"], names["loss"]
    fresh = {"peer": names["init"](names["config"], names["jax"].random.key(0)), "scale": jnp.ones(64)}
    assert later < start(fresh, names["tokens"], jnp.roll(names["tokens"], 1, axis=-1))
    exec(norm, names)
    assert_the_batch_gave_the_statistics(names)
    exec(second, names)
    assert all(jnp.isfinite(array).all() for array in names["params"]["peer"].values())
    assert_a_module_of_equinox_learns(equinox, names)
    exec(third, names)
    saved, exported = Layer.load("layer.safetensors"), read_layer("layer.onnx")
    np.testing.assert_array_equal(saved.params["keys"], names["params"]["peer"]["keys"])
    np.testing.assert_array_equal(exported.params["keys"], saved.params["keys"])


def assert_a_module_of_equinox_learns(program, names):
    exec(program, names)
    assert names["losses"][-1] < names["losses"][0]
    before = names["init"](names["config"], names["jax"].random.key(0))
    for name, array in names["block"].params.items():
        assert array.shape == before[name].shape
        assert not np.array_equal(array, before[name])


def assert_the_batch_gave_the_statistics(names):
    """After one step they are what the forward pass with the first parameters returns, up to rounding (NRM-3)."""
    first = names["init"](names["normalised"], names["jax"].random.key(0))
    forward = names["jax"].jit(partial(names["forward"], names["normalised"], training=True))
    wanted = forward(first, names["tokens"]).state
    for name in STATISTICS:
        change, error = wanted[name] - first[name], wanted[name] - names["model"]["peer"][name]
        assert np.abs(error).max() < np.abs(change).max() / 1024
