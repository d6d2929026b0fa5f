"""Adapters: the base alone, one routing for all targets, ranks as experts, and gradients."""

from dataclasses import replace

import numpy as np
import pytest

from peerspec.reference import ConfigError, InputError, Layer, PeerConfig, TableError, forward
from peerspec.reference.adapter import Adapter, AdapterConfig, Base, adapt
from peerspec.reference.adapter_gradients import adapter_gradients

SIZES = AdapterConfig(5, 3, 16, 4, 6, targets={"q": 7, "v": 5}, rank=2, alpha=0.5)
X = np.random.default_rng(1).standard_normal((2, 4, 5))


def adapter_of(config: AdapterConfig = SIZES, seed: int = 0) -> Adapter:
    rng = np.random.default_rng(seed)
    drawn = Adapter.random(config, seed=seed, dtype=np.float64)
    return Adapter(config, {name: rng.standard_normal(array.shape) for name, array in drawn.params.items()})


def bases_of(config: AdapterConfig = SIZES) -> dict[str, Base]:
    rng = np.random.default_rng(9)
    draw = rng.standard_normal
    return {name: Base(draw((m, config.d_model)), draw(m)) for name, m in config.targets.items()}


def test_a_new_adapter_gives_the_base_by_value() -> None:
    bases = bases_of()
    for name, y in adapt(Adapter.random(SIZES, dtype=np.float64), bases, X).y.items():
        assert (y == X @ bases[name].weight.T + bases[name].bias).all()


def test_given_the_selection_the_map_is_the_base_plus_a_sum_of_outer_products() -> None:
    """On dyadic data every product and sum is exact."""
    config = replace(SIZES, top_k=1, alpha=0.5)  # one expert for each head has gate 1
    rng = np.random.default_rng(3)
    params = {name: rng.integers(-4, 4, shape) / 2 for name, shape in config.shapes().items()}
    adapter, x = Adapter(config, params), rng.integers(-4, 4, (6, 5)) / 2
    bases = {name: Base(rng.integers(-4, 4, (m, 5)) / 4) for name, m in config.targets.items()}
    out = adapt(adapter, bases, x)
    for name, base in bases.items():
        u, v = (params[f"targets.{name}.{table}"] for table in "uv")
        for t, token in enumerate(x):
            added = sum(np.einsum("rm,rd->md", v[e], u[e]) for e in out.indices[t, :, 0])
            assert (out.y[name][t] == (base.weight + config.alpha * added) @ token).all()


def test_all_targets_share_the_routing_of_the_router_and_a_target_can_be_left_out() -> None:
    adapter, bases = adapter_of(), bases_of()
    both, alone = adapt(adapter, bases, X), adapt(adapter, {"v": bases["v"]}, X)
    routing = forward(adapter.routing_layer(), X)
    assert (both.indices == routing.indices).all()
    assert (both.gates == routing.gates).all()
    assert alone.y.keys() == {"v"}
    assert (alone.y["v"] == both.y["v"]).all()


def test_rank_one_is_a_layer_with_identity_beside_the_base() -> None:
    config = replace(SIZES, rank=1, targets={"q": 7}, alpha=1.0)
    adapter, base = adapter_of(config), Base(np.zeros((7, 5)))
    params = {name: array for name, array in adapter.params.items() if not name.startswith("targets.")}
    params |= {f"experts.{t}": adapter.params[f"targets.q.{t}"][:, 0] for t in "uv"}
    layer = Layer(PeerConfig(5, 3, 16, 4, 6, d_out=7, activation="identity"), params)
    assert (adapt(adapter, {"q": base}, X).y["q"] == forward(layer, X).y).all()


@pytest.mark.parametrize(
    "options", [{}, {"gate": "sigmoid"}, {"query_norm": "layer"}, {"key_heads": 3, "query_bias": True}]
)
def test_gradients_are_those_of_finite_differences(options: dict) -> None:
    config = replace(SIZES, **options)
    adapter, bases = adapter_of(config), bases_of(config)
    rng = np.random.default_rng(5)
    dy = {name: rng.standard_normal((2, 4, m)) for name, m in config.targets.items()}
    ids = adapt(adapter, bases, X).indices
    found = adapter_gradients(adapter, bases, X, dy)

    def loss(params: dict, x: np.ndarray) -> float:
        out = adapt(Adapter(config, params), bases, x, indices=ids)
        return sum(float((dy[name] * y).sum()) for name, y in out.y.items())

    step = 2.0**-17
    for name, array in {**adapter.params, "x": X}.items():
        for at in rng.integers(0, array.size, 6):
            moved = [array.copy(), array.copy()]
            for each, sign in zip(moved, (1, -1), strict=True):
                each.reshape(-1)[at] += sign * step
            parts = [(dict(adapter.params), m) if name == "x" else (adapter.params | {name: m}, X) for m in moved]
            slope = (loss(*parts[0]) - loss(*parts[1])) / (2 * step)
            # the third derivative times step² / 6, and rounding of a loss near 10³ divided by the step
            assert abs(slope - found[name].reshape(-1)[at]) < 1e-6 * max(1.0, np.abs(found[name]).max())
    assert set(found) == {*adapter.params, "x"}


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"targets": {}}, ConfigError, "targets must map"),
        ({"targets": {"a.b": 3}}, ConfigError, "without dots"),
        ({"targets": {"a": 0}}, ConfigError, "at least 1"),
        ({"rank": 0}, ConfigError, "rank must"),
        ({"alpha": float("nan")}, ConfigError, "alpha must"),
        ({"alpha": 10**400}, ConfigError, "alpha must"),
        ({"alpha": -1e39}, ConfigError, "alpha must"),
        ({"num_experts": 15}, ConfigError, "perfect square"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(wrong: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        replace(SIZES, **wrong)


def test_wrong_parameters_and_bases_are_one_sentence() -> None:
    adapter, bases = adapter_of(), bases_of()
    with pytest.raises(TableError, match=r"'targets\.q\.u' is wrong"):
        Adapter(SIZES, {name: a for name, a in adapter.params.items() if name != "targets.q.u"})
    with pytest.raises(TableError, match="must be float64 of shape"):
        Adapter(SIZES, adapter.params | {"targets.q.u": np.zeros((16, 5))})
    with pytest.raises(InputError, match="got 'k'"):
        adapt(adapter, bases | {"k": bases["q"]}, X)
    with pytest.raises(InputError, match="the base of q"):
        adapt(adapter, {"q": bases["v"]}, X)
