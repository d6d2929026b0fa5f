"""The programs of ``docs/jax.md`` run."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from peerspec.export import read_layer
from peerspec.reference import Layer

PAGE = Path(__file__).parents[3] / "docs" / "jax.md"


def test_the_programs_of_the_page_run_and_lower_the_loss(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 3
    first, second, third = blocks
    exec(first, names)
    start, later = names["loss_of"], names["loss"]
    fresh = {"peer": names["init"](names["config"], names["jax"].random.key(0)), "scale": jnp.ones(64)}
    assert later < start(fresh, names["tokens"], jnp.roll(names["tokens"], 1, axis=-1))
    exec(second, names)
    assert all(jnp.isfinite(array).all() for array in names["params"]["peer"].values())
    exec(third, names)
    saved, exported = Layer.load("layer.safetensors"), read_layer("layer.onnx")
    np.testing.assert_array_equal(saved.params["keys"], names["params"]["peer"]["keys"])
    np.testing.assert_array_equal(exported.params["keys"], saved.params["keys"])
