"""A layer that a layout holds comes back from it bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layouts import MEMORIES, WITH_EXPERTS, assert_same, facts_of, layers

from peerspec.interchange import LAYOUTS, Retrieval, from_layout, retrieval_from_layout, to_layout, with_keys_per_head
from peerspec.reference import Layer, PeerConfig, forward

some = settings(max_examples=20, deadline=None)
"""Of each test and layout; a busy machine makes a single example slow."""


@pytest.mark.parametrize("name", WITH_EXPERTS)
@some
@given(data=st.data())
def test_a_layer_comes_back_bit_for_bit(name: str, data: st.DataObject) -> None:
    layout = LAYOUTS[name]
    layer = data.draw(layers(layout))
    assert_same(from_layout(name, to_layout(name, layer), **facts_of(layout, layer)), layer)


@pytest.mark.parametrize("name", [*WITH_EXPERTS, *MEMORIES])
@some
@given(data=st.data())
def test_a_retrieval_comes_back_bit_for_bit(name: str, data: st.DataObject) -> None:
    layout = LAYOUTS[name]
    layer = data.draw(layers(layout))
    retrieval = Retrieval.of(layer)
    tensors = to_layout(name, layer if layout.has_experts else retrieval)
    assert_same(retrieval_from_layout(name, tensors, **facts_of(layout, retrieval)), retrieval)


@pytest.mark.parametrize("name", [*WITH_EXPERTS, *MEMORIES])
@some
@given(data=st.data())
def test_a_layer_is_found_under_its_prefix_among_the_tensors_of_a_model(name: str, data: st.DataObject) -> None:
    layout = LAYOUTS[name]
    retrieval = Retrieval.of(layer := data.draw(layers(layout)))
    tensors = to_layout(name, layer if layout.has_experts else retrieval)
    others = {"keys": np.zeros(3), "blocks.30.x": np.ones(2)}
    model = others | {f"blocks.3.{key}": array for key, array in tensors.items()}
    found = retrieval_from_layout(name, model, prefix="blocks.3", **facts_of(layout, retrieval))
    assert_same(found, retrieval)


@some
@given(data=st.data())
def test_experts_behind_a_retrieval_make_the_layer_that_it_was_taken_from(data: st.DataObject) -> None:
    layer = data.draw(layers(LAYOUTS["mttl"]))
    experts = {key: array for key, array in layer.params.items() if key.startswith("experts.")}
    assert_same(Retrieval.of(layer).with_experts(experts, activation=layer.config.activation), layer)


def test_tables_of_experts_are_not_copied() -> None:
    layer = Layer.random(PeerConfig(4, 2, 9, 2, 4, key_heads=2))
    tensors = to_layout("peer-pytorch", layer)
    read = from_layout("peer-pytorch", tensors, **LAYOUTS["peer-pytorch"].facts_of(layer.config))
    for tensor, parameter in (("weight_down_embed.weight", "experts.u"), ("weight_up_embed.weight", "experts.v")):
        assert np.shares_memory(tensors[tensor], layer.params[parameter])
        assert np.shares_memory(tensors[tensor], read.params[parameter])


def test_running_statistics_in_a_narrow_dtype_are_widened_to_the_compute_dtype() -> None:
    config = PeerConfig(4, 2, 9, 2, 4, key_heads=2, query_bias=True, query_norm="batch")
    tensors = to_layout("xlm", Retrieval.of(Layer.random(config, dtype=np.float16)))
    narrow = {key: array.astype(np.float16) for key, array in tensors.items()}
    found = retrieval_from_layout("xlm", narrow, top_k=2)
    assert found.params["query_norm.mean"].dtype == np.float32
    assert found.params["keys"].dtype == np.float16


def test_the_count_of_batches_enters_no_result() -> None:
    config = PeerConfig(4, 2, 9, 2, 4, key_heads=2, query_bias=True, query_norm="batch")
    retrieval = Retrieval.of(Layer.random(config))
    tensors = to_layout("xlm", retrieval) | {"query_proj.1.num_batches_tracked": np.array(7)}
    assert_same(retrieval_from_layout("xlm", tensors, top_k=2), retrieval)


def test_a_copy_of_the_keys_for_each_head_computes_the_same() -> None:
    layer = Layer.random(PeerConfig(4, 3, 9, 2, 4))
    x = np.random.default_rng(0).standard_normal((7, 4), dtype=np.float32)
    own, common = forward(with_keys_per_head(layer), x), forward(layer, x)
    np.testing.assert_array_equal(own.y, common.y)
    np.testing.assert_array_equal(own.indices, common.indices)
    assert_same(with_keys_per_head(with_keys_per_head(layer)), with_keys_per_head(layer))
