"""Growth: old experts keep their bits, growing by steps is growing at once, and the theorem of growing selections."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import MakeLayer

from peerspec.reference import (
    ConfigError,
    FileFormError,
    Layer,
    PeerConfig,
    forward,
    grow,
    grown_ids,
    select_exhaustive,
)
from peerspec.reference.gates import softmax

CONFIG = PeerConfig(d_model=3, heads=2, num_experts=9, top_k=2, d_key=4, expert="glu", key_heads=2)


def bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_every_old_number_keeps_its_bits_and_its_pair(make_layer: MakeLayer, dtype: str, norm: str) -> None:
    old = make_layer(dtype, query_norm=norm, query_bias=True, expert="glu", key_heads=3)
    new = grow(old, 49)
    assert new.config == replace(old.config, num_experts=49)
    assert new.dtype == old.dtype
    for name, array in old.params.items():
        grown = new.params[name]
        if name == "keys":
            grown = grown[:, :, :4]
        elif name.startswith("experts."):
            grown = grown.reshape(7, 7, -1)[:4, :4].reshape(16, -1)
        assert (bits(grown) == bits(array)).all(), name


def test_the_new_identifiers_are_those_of_the_same_pairs() -> None:
    for n, new_n in ((1, 1), (1, 4), (3, 3), (3, 5), (4, 9)):
        i, j = np.divmod(grown_ids(n, new_n), new_n)
        assert (i * n + j == np.arange(n * n)).all()


@given(first=st.integers(1, 6), more=st.lists(st.integers(0, 3), max_size=4), seed=st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_growing_by_steps_is_growing_at_once(first: int, more: list[int], seed: int) -> None:
    layer = Layer.random(replace(CONFIG, num_experts=first**2, top_k=1))
    by_steps = layer
    for step in more:
        by_steps = grow(by_steps, (by_steps.config.n + step) ** 2, seed=seed)
    at_once = grow(layer, by_steps.config.num_experts, seed=seed)
    assert all((bits(at_once.params[name]) == bits(by_steps.params[name])).all() for name in layer.params)


def test_new_values_follow_the_seed_and_have_the_scale_of_a_new_layer() -> None:
    layer = Layer.random(PeerConfig(d_model=64, heads=2, num_experts=100, top_k=2, d_key=64))
    one, other = (grow(layer, 900, seed=seed) for seed in (0, 1))
    new = np.ones(900, bool)
    new[grown_ids(10, 30)] = False
    for name in ("experts.u", "experts.v"):
        values = one.params[name][new]
        assert not (values == other.params[name][new]).any(1).all()
        count, deviation = values.size, values.std() / layer.params[name].std()
        assert abs(deviation - 1) < 6 / (2 * layer.params[name].size) ** 0.5 + 6 / (2 * count) ** 0.5  # six sigma each
        assert len(np.unique(values[:, 0])) > 0.99 * len(values)  # float32 repeats few of 800 normal numbers
    assert len(np.unique(one.params["keys"][0, :, :, 0])) == 60


def test_zero_gives_new_experts_that_add_nothing_and_else_the_same_values() -> None:
    layer = Layer.random(CONFIG)
    random, zero = grow(layer, 25, seed=3), grow(layer, 25, seed=3, init="zero")
    new = np.ones(25, bool)
    new[grown_ids(3, 5)] = False
    assert not zero.params["experts.v"][new].any()
    for name in ("keys", "experts.u", "experts.w"):
        assert (zero.params[name] == random.params[name]).all()


@pytest.mark.parametrize("number", [4, 8, 10, 0, -9, 2.0, True, "16"])
def test_a_smaller_number_and_one_that_is_no_square_are_refused(number: object) -> None:
    with pytest.raises(ConfigError, match=r"GRW-2|CFG-\d"):
        grow(Layer.random(CONFIG), number)  # type: ignore[arg-type]


@pytest.mark.parametrize(("wrong", "named"), [({"seed": -1}, "seed"), ({"seed": 0.5}, "seed"), ({"init": 1}, "init")])
def test_a_wrong_seed_or_init_is_one_sentence(wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        grow(Layer.random(CONFIG), 16, **wrong)


def test_the_old_layer_and_its_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "layer.safetensors"
    Layer.random(CONFIG, seed=5).save(path)
    before = path.read_bytes()
    old = Layer.load(path)
    copies = {name: array.copy() for name, array in old.params.items()}
    new = grow(old, 16)
    with pytest.raises(FileFormError, match="exists"):
        new.save(path)
    assert path.read_bytes() == before
    new.save(path, overwrite=True)  # the old tables are mapped from this file
    assert all((old.params[name] == copies[name]).all() for name in copies)
    assert Layer.load(path).config.num_experts == 16


HALVES = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1e-45, 2.0**-126, 3e38])


@st.composite
def growing_halves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Half scores with many ties, before and after growth, and k."""
    n, more = draw(st.integers(1, 6)), draw(st.integers(0, 5))
    values = draw(st.sampled_from([HALVES, st.floats(-(2.0**100), 2.0**100, width=32), st.integers(-2, 2).map(float)]))
    half = st.lists(values, min_size=n + more, max_size=n + more).map(lambda found: np.array(found, np.float32))
    return draw(half), draw(half), n, draw(st.integers(1, n * n))


@given(growing_halves())
@settings(max_examples=3000, deadline=None)
def test_the_old_experts_of_a_grown_selection_are_a_prefix_of_the_old_one(
    halves: tuple[np.ndarray, np.ndarray, int, int],
) -> None:
    s1, s2, n, k = halves
    with np.errstate(over="ignore"):
        if not np.isfinite(s1.max() + s2.max()):
            return
    old, new = select_exhaustive(s1[:n], s2[:n], k), select_exhaustive(s1, s2, k)
    i, j = np.divmod(new.indices, len(s1))
    known = (i < n) & (j < n)
    kept = int(known.sum())
    assert ((i * n + j)[known] == old.indices[:kept]).all()
    assert (bits(new.scores[known]) == bits(old.scores[:kept])).all()
    if kept == k:
        assert (bits(softmax(new.scores)) == bits(softmax(old.scores))).all()


def test_a_new_expert_that_adds_nothing_still_changes_the_output() -> None:
    """What the specification warns of."""
    layer = Layer.random(PeerConfig(d_model=8, heads=2, num_experts=64, top_k=8, d_key=8), seed=1)
    x = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    before, after = forward(layer, x), forward(grow(layer, 256, init="zero"), x)
    assert (after.y != before.y).any()
