"""The trainable part of a layer, and steps that leave the rest."""

import numpy as np
import pytest
from support.layers import MakeLayer

from peerspec.reference import InputError, PeerConfig, Trainable, grow, grown_ids, train
from peerspec.reference.config import STATISTICS

CONFIG = PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4)
NOTHING = Trainable(np.zeros(9, bool), np.zeros((1, 2, 3), bool), query=False, query_norm=False, statistics=False)


def batch(layer, steps: int = 3):
    rng = np.random.default_rng(0)
    sizes = layer.config.d_model, layer.config.d_out
    return tuple(rng.standard_normal((steps, 8, size)).astype(layer.dtype) for size in sizes)


def test_what_is_new_after_growth_is_exactly_what_growth_added() -> None:
    part = Trainable.new(CONFIG, 25)
    masks = part.masks(PeerConfig(d_model=4, heads=2, num_experts=25, top_k=2, d_key=4))
    assert sorted(np.flatnonzero(~masks["experts.u"][:, 0])) == sorted(grown_ids(3, 5))
    assert (masks["keys"][..., 0] == (np.arange(5) >= 3)).all()
    assert not masks["query.weight"]


def test_the_most_used_experts_are_those_of_the_largest_counts_and_ties_go_to_lower_ids() -> None:
    counts = np.array([0, 7, 7, 1, 9, 0, 7, 2, 0])
    for number, expected in ((0, []), (1, [4]), (3, [1, 2, 4]), (4, [1, 2, 4, 6]), (9, [*range(9)])):
        assert np.flatnonzero(Trainable.most_used(CONFIG, counts, number).experts).tolist() == expected
    with pytest.raises(InputError, match="TRN-1"):
        Trainable.most_used(CONFIG, counts[:4], 1)
    with pytest.raises(InputError, match="TRN-1"):
        Trainable.most_used(CONFIG, counts, 10)


@pytest.mark.parametrize(
    "part",
    [
        Trainable(experts=np.ones(8, bool)),
        Trainable(experts=np.ones(9)),
        Trainable(keys=np.ones((2, 2, 3), bool)),
        Trainable(query=1),  # type: ignore[arg-type]
        Trainable(statistics=np.ones(3, bool)),  # type: ignore[arg-type]
    ],
)
def test_a_part_that_does_not_fit_is_refused_in_one_sentence(part: Trainable) -> None:
    with pytest.raises(InputError, match=r"must have (experts|keys|query|statistics) as bool of shape .* \(TRN-1\)"):
        part.masks(CONFIG)


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_part_with_nothing_leaves_every_bit(make_layer: MakeLayer, norm: str) -> None:
    layer = make_layer("float32", num_experts=9, query_norm=norm, query_bias=True, expert="glu")
    x, dy = batch(layer)
    after = train(layer, x, dy, [NOTHING] * 3)
    assert all((after.params[name] == array).all() for name, array in layer.params.items())
    whole = train(layer, x, dy, [Trainable()] * 3)
    assert all((whole.params[name] != array).any() for name, array in layer.params.items())


def test_a_frozen_part_ends_its_momentum_and_its_statistics(make_layer: MakeLayer) -> None:
    layer = make_layer("float64", num_experts=9, query_norm="batch")
    x, dy = batch(layer, 4)
    one = train(layer, x[:1], dy[:1], [Trainable()])
    more = train(layer, x, dy, [Trainable(), NOTHING, NOTHING, NOTHING])
    assert all((one.params[name] == more.params[name]).all() for name in layer.params)
    assert all((one.params[name] != layer.params[name]).any() for name in STATISTICS)


def test_new_experts_learn_and_old_ones_keep_their_bits(make_layer: MakeLayer) -> None:
    old = make_layer("float32", num_experts=9, top_k=2)
    large, part = grow(old, 25), Trainable.new(old.config, 25)
    x, dy = batch(large)
    after = train(large, x, dy, [part] * 3)
    for name in ("experts.u", "experts.v"):
        assert (after.params[name][grown_ids(3, 5)] == old.params[name]).all()
    changed = (after.params["experts.v"] != large.params["experts.v"]).any(1)
    assert changed.any()
    assert (after.params["query.weight"] == old.params["query.weight"]).all()
