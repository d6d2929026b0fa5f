"""The module of Flax NNX, and checkpoints by Orbax."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from support.rounding import APART

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


class Block(nnx.Module):
    """x + mlp(norm(x)), with a dense network at first."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(6, rngs=rngs)
        self.mlp: Any = nnx.Sequential(nnx.Linear(6, 12, rngs=rngs), nnx.gelu, nnx.Linear(12, 6, rngs=rngs))

    def __call__(self, x: jax.Array) -> jax.Array:
        return x + self.mlp(self.norm(x))


class Model(nnx.Module):
    """Blocks, of which the second has a PEER layer."""

    def __init__(self, seed: int = 0) -> None:
        rngs = nnx.Rngs(seed)
        self.blocks = nnx.List(Block(rngs) for _ in range(2))
        self.blocks[1].mlp = PEER(CONFIG, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        for block in self.blocks:
            x = block(x)
        return x


@nnx.jit
def evaluate(model: Model, x: jax.Array) -> jax.Array:
    return model(x)


@nnx.jit
def learn(model: Model, optimiser: nnx.Optimizer, x: jax.Array) -> jax.Array:
    loss, gradients = nnx.value_and_grad(lambda model: ((model(x) - x[..., ::-1]) ** 2).mean())(model)
    optimiser.update(model, gradients)
    return loss


@pytest.mark.stack("jax", "Flax NNX", "the layer assigned to an attribute of a model; `nnx.Optimizer` under `nnx.jit`")
def test_a_model_whose_dense_network_was_replaced_learns() -> None:
    model = Model()
    optimiser = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    before = model.blocks[1].mlp.params()
    losses = [learn(model, optimiser, tokens()) for _ in range(20)]
    assert losses[-1] < 0.8 * losses[0]
    after = model.blocks[1].mlp.params()
    assert not any(np.array_equal(after[name], array) for name, array in before.items())


def through_split(model: Model) -> Model:
    return nnx.merge(*nnx.split(model), copy=True)


def through_state(model: Model) -> Model:
    other = Model(seed=1)
    nnx.update(other, nnx.state(model))
    return other


def through_pure_state(model: Model) -> Model:
    other = Model(seed=1)
    graph, state = nnx.split(other)
    nnx.replace_by_pure_dict(state, nnx.to_pure_dict(nnx.state(model)))
    return nnx.merge(graph, state)


@pytest.mark.stack("jax", "Flax NNX", "`nnx.split` and `merge`, states, `nnx.clone`, `copy.deepcopy`")
@pytest.mark.parametrize("way", [through_split, through_state, through_pure_state, nnx.clone, copy.deepcopy])
def test_a_model_goes_through_its_state_and_through_copies(way: Callable[[Model], Model]) -> None:
    model = Model()
    evaluate(model, tokens())  # gives running statistics that are not those of a new layer
    model.eval()
    right = evaluate(model, tokens())
    other = way(model)
    other.eval()
    assert other.blocks[1].mlp.config == CONFIG
    assert np.array_equal(evaluate(other, tokens()), right)
    other.blocks[1].mlp.experts["v"][...] = jnp.zeros((16, 6))
    assert not np.array_equal(evaluate(other, tokens()), right)
    assert np.array_equal(evaluate(model, tokens()), right)


@pytest.fixture
def wide() -> Iterator[PEER]:
    """A layer of float64, in which sums in another order lie at most APART from each other."""
    with jax.enable_x64(True):
        yield PEER(CONFIG, param_dtype=jnp.float64, rngs=nnx.Rngs(0))


def close(ours: Any, theirs: Any) -> bool:
    return jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a, b, rtol=0, atol=APART), ours, theirs))


@pytest.mark.stack("jax", "Flax NNX", "`nnx.remat`: gradients, and running statistics that are updated once")
def test_a_layer_that_is_computed_again_has_the_same_gradients_and_statistics(wide: PEER) -> None:
    found = []
    for run in (lambda layer, x: layer(x), nnx.remat(lambda layer, x: layer(x))):
        layer = nnx.clone(wide)
        step = nnx.jit(nnx.grad(lambda layer, run=run: (run(layer, tokens()) ** 2).mean()))
        found.append((nnx.to_pure_dict(step(layer)), layer.params()))
    assert found[0][0]["experts"]["u"].any()
    assert not np.array_equal(found[0][1]["query_norm.mean"], wide.params()["query_norm.mean"])
    assert close(found[1], found[0])


@pytest.mark.stack("jax", "Flax NNX", "`nnx.vmap` over an ensemble of layers")
@pytest.mark.usefixtures("wide")
def test_an_ensemble_is_its_layers_one_by_one() -> None:
    def make(key: jax.Array) -> PEER:
        return PEER(CONFIG, param_dtype=jnp.float64, rngs=nnx.Rngs(key))

    keys = jax.random.split(jax.random.key(0), 3)
    ensemble = nnx.vmap(make)(keys)
    assert ensemble.params()["keys"].shape == (3, *CONFIG.shapes()["keys"])
    y = nnx.jit(nnx.vmap(lambda layer, x: layer(x), in_axes=(0, None)))(ensemble, tokens())
    for number, key in enumerate(keys):
        layer = make(key)
        assert close(y[number], layer(tokens()))
        assert close({name: array[number] for name, array in ensemble.params().items()}, layer.params())
