"""The module of Flax NNX, and checkpoints by Orbax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from peerspec.backends.jax import PeerConfig, forward
from peerspec.backends.jax.flax import PEER
from peerspec.reference import InputError, TableError

CONFIG = PeerConfig(6, 2, 16, 3, 4, expert="glu", query_norm="batch", query_bias=True)


@pytest.fixture
def module() -> PEER:
    return PEER(CONFIG, rngs=nnx.Rngs(0))


def tokens() -> jax.Array:
    return jax.random.normal(jax.random.key(1), (2, 5, 6))


@pytest.mark.stack(
    "jax", "Flax NNX", "`peerspec.backends.jax.flax.PEER`, `nnx.jit`, `nnx.grad`, `train()` and `eval()`"
)
def test_a_module_computes_and_learns_what_the_functions_do(module: PEER) -> None:
    params, x = module.params(), tokens()

    def loss(params: Any) -> Any:
        out = forward(CONFIG, params, x, training=True)
        return (out.y**2).mean(), out.state

    (value, state), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    step = nnx.jit(nnx.value_and_grad(lambda model, x: (model(x) ** 2).mean()))
    got, own = step(module, x)
    assert got == value
    assert np.array_equal(own["experts"]["u"][...], gradients["experts.u"])
    assert np.array_equal(own["keys"][...], gradients["keys"])
    for name, statistic in state.items():
        assert np.array_equal(module.params()[name], statistic)
    module.eval()
    right = jax.jit(forward, static_argnums=0)(CONFIG, module.params(), x).y
    assert np.array_equal(nnx.jit(lambda model, x: model(x))(module, x), right)
    for name, statistic in state.items():
        assert np.array_equal(module.params()[name], statistic)


def test_an_optimiser_changes_parameters_and_no_statistics(module: PEER) -> None:
    optimiser, before = nnx.Optimizer(module, optax.sgd(0.1), wrt=nnx.Param), module.params()
    module.eval()
    optimiser.update(module, nnx.grad(lambda model: (model(tokens()) ** 2).mean())(module))
    after = module.params()
    assert not np.array_equal(after["experts.v"], before["experts.v"])
    assert np.array_equal(after["query_norm.var"], before["query_norm.var"])


def test_a_module_goes_to_a_layer_and_back(module: PEER) -> None:
    layer = module.to_layer()
    again = PEER.from_layer(layer)
    assert again.config == CONFIG
    assert jax.tree.all(jax.tree.map(np.array_equal, again.params(), module.params()))
    leaves = {".".join(map(str, path)) for path, _ in nnx.to_flat_state(nnx.state(module))}
    assert leaves == CONFIG.shapes().keys()


@pytest.mark.stack("jax", "Orbax", "checkpoints of parameters")
def test_parameters_go_through_a_checkpoint(module: PEER, tmp_path: Path) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "params", module.params())
        checkpointer.wait_until_finished()
        empty = jax.tree.map(jnp.zeros_like, module.params())
        found = checkpointer.restore(tmp_path / "params", empty)
    assert jax.tree.all(jax.tree.map(np.array_equal, found, module.params()))


def test_a_view_has_a_mode_of_its_own(module: PEER) -> None:
    before = module.params()["query_norm.mean"]
    view = nnx.view(module, use_running_average=True)
    view(tokens())
    assert np.array_equal(module.params()["query_norm.mean"], before)
    assert not module.use_running_average


def test_parameters_that_do_not_fit_are_refused_in_one_sentence(module: PEER) -> None:
    params = module.params()
    for changed, words in (
        ({**params, "keys": params["keys"][:, :1]}, r"params\['keys'\] must have shape"),
        ({name: array for name, array in params.items() if name != "keys"}, "got nothing"),
        ({**params, "experts.zzz": params["keys"]}, "'experts.zzz' is not a parameter"),
    ):
        with pytest.raises(TableError, match=words):
            PEER(CONFIG, params=changed)
    for options in ({}, {"rngs": jax.random.key(0)}, {"rngs": nnx.Rngs(0), "params": params}):
        with pytest.raises(InputError, match="a module needs rngs"):
            PEER(CONFIG, **options)
