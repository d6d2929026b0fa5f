"""What has no counterpart is refused: a typed reason, the clause, and one sentence that says what to do."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from peerspec.conformance.clauses import all_clauses
from peerspec.interchange import (
    LAYOUTS,
    InterchangeError,
    Layout,
    Obstacle,
    Reason,
    Retrieval,
    from_layout,
    retrieval_from_layout,
    to_layout,
)
from peerspec.reference import ConfigError, Layer, PeerConfig, PeerError, TableError

Arrays = dict[str, NDArray[Any]]
CONFIGS = {
    "peer-pytorch": PeerConfig(8, 3, 25, 4, 6, key_heads=3),
    "mttl": PeerConfig(8, 3, 25, 5, 6, d_out=4, key_heads=3),
    "doge": PeerConfig(8, 1, 25, 4, 16),
    "memory-peer": PeerConfig(8, 3, 25, 4, 6, key_heads=3, query_bias=True),
    "memory-pkm": PeerConfig(8, 3, 25, 4, 6, key_heads=3, query_bias=True),
    "xlm": PeerConfig(8, 3, 25, 4, 6, key_heads=3, query_bias=True, query_norm="batch"),
}


def layer_for(name: str) -> Layer:
    layer = Layer.random(CONFIGS[name])
    query = {"query.weight": np.concatenate([np.eye(8, dtype=np.float32)] * 2)[None]} if name == "doge" else {}
    return Layer(layer.config, {**layer.params, **query})


def tensors_of(name: str) -> Arrays:
    layer = layer_for(name)
    return to_layout(name, layer if LAYOUTS[name].has_experts else Retrieval.of(layer))


def refused(name: str | Layout, tensors: Arrays, *, leave_out: tuple[str, ...] = (), **facts: Any) -> InterchangeError:
    layout = LAYOUTS[name] if isinstance(name, str) else name
    stated = layout.facts_of(CONFIGS[layout.name]) | facts
    with pytest.raises(InterchangeError) as caught:
        retrieval_from_layout(layout, tensors, leave_out=leave_out, **stated)
    return checked(caught.value)


def not_written(name: str, layer: Layer | Retrieval) -> InterchangeError:
    with pytest.raises(InterchangeError) as caught:
        to_layout(name, layer)
    return checked(caught.value)


def checked(error: InterchangeError) -> InterchangeError:
    """The error, if it is one sentence that ends with clauses of SPEC.md."""
    sentence = str(error)
    assert isinstance(error, PeerError)
    assert "\n" not in sentence
    assert "; " in sentence, "it says what to do"
    assert all(clause in all_clauses() for clause in re.findall(r"[A-Z]{3}-\d+", error.clause))
    assert sentence.endswith(f"({error.clause})") == bool(error.clause)
    return error


ADDED = [
    # layout, tensor, shape, reason, clause, what the sentence says
    ("peer-pytorch", "norm.gamma", (8,), Reason.OUTSIDE, "OUT-2", "normalise x before the layer"),
    ("peer-pytorch", "weight_down_embed.bias", (25,), Reason.NO_COUNTERPART, "EXP-1", "bias of experts"),
    ("mttl", "peer_weight_up_embed.bias", (25,), Reason.NO_COUNTERPART, "EXP-1", "bias of experts"),
    ("mttl", "selector.norm.weight", (3,), Reason.NO_COUNTERPART, "NRM-2", "for all heads and both halves"),
    ("mttl", "selector.norm.running_var", (3,), Reason.NO_COUNTERPART, "NRM-2", "for all heads and both halves"),
    ("doge", "gate_proj.weight", (12, 8), Reason.OUTSIDE, "OUT-1", "add this MLP to y yourself"),
    ("doge", "down_proj.bias", (8,), Reason.OUTSIDE, "OUT-1", "add this MLP to y yourself"),
    ("memory-peer", "gating.weight", (1, 8), Reason.OUTSIDE, "OUT-2", "multiply y yourself"),
    ("memory-peer", "swilu_projection.weight", (8, 8), Reason.OUTSIDE, "", "never reads it"),
    ("memory-peer", "value_proj.bias", (8,), Reason.OUTSIDE, "", "never reads it"),
    ("memory-peer", "query_proj.query_mlps.1.weight", (18,), Reason.NO_COUNTERPART, "NRM-1", "batch norm to x"),
    ("memory-peer", "values.weight", (25, 8), Reason.NO_COUNTERPART, "EXP-1", "memory-pkm"),
    ("memory-pkm", "values.weight", (25, 8), Reason.OUTSIDE, "EXP-1", "experts of its own"),
    ("memory-pkm", "swilu_projection.weight", (8, 8), Reason.OUTSIDE, "OUT-2", "no part of the retrieval"),
    ("memory-pkm", "values_u.weight", (25, 8), Reason.NO_COUNTERPART, "", "memory-peer"),
    ("xlm", "values.weight", (25, 8), Reason.OUTSIDE, "EXP-1", "experts of its own"),
    ("xlm", "query_proj.2.weight", (8, 8), Reason.UNKNOWN_TENSOR, "", "no such tensor"),
]


@pytest.mark.parametrize(("name", "tensor", "shape", "reason", "clause", "says"), ADDED)
def test_a_tensor_without_counterpart_is_refused_by_name(
    name: str, tensor: str, shape: tuple[int, ...], reason: Reason, clause: str, says: str
) -> None:
    error = refused(name, tensors_of(name) | {tensor: np.ones(shape, np.float32)})
    assert (error.reason, error.clause, error.layout) == (reason, clause, name)
    assert tensor in error.subject
    assert says in str(error)


@pytest.mark.parametrize(("name", "tensor", "shape", "reason", "clause", "says"), ADDED)
def test_what_acts_outside_the_layer_can_be_left_out_and_nothing_that_acts_within(
    name: str, tensor: str, shape: tuple[int, ...], reason: Reason, clause: str, says: str
) -> None:
    tensors, facts = tensors_of(name) | {tensor: np.ones(shape, np.float32)}, LAYOUTS[name].facts_of(CONFIGS[name])
    if reason is Reason.NO_COUNTERPART:
        assert refused(name, tensors, leave_out=(tensor,)).reason is reason
    else:
        found = retrieval_from_layout(name, tensors, leave_out=(tensor,), **facts)
        assert found.params.keys() == Retrieval.of(layer_for(name)).params.keys()


def test_a_tensor_to_leave_out_must_be_there_and_be_no_parameter() -> None:
    tensors = tensors_of("doge")
    absent = refused("doge", tensors, leave_out=("gate_proj.weight",))
    assert (absent.reason, absent.subject) == (Reason.UNKNOWN_TENSOR, "'gate_proj.weight'")
    needed = refused("doge", tensors, leave_out=("router_gate.weight",))
    assert "it is a parameter" in str(needed)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        (name, part.tensor)
        for name, layout in LAYOUTS.items()
        for part in layout.parts
        if part.parameter != "query.bias"
    ],
)
def test_a_missing_tensor_is_named(name: str, tensor: str) -> None:
    error = refused(name, {key: array for key, array in tensors_of(name).items() if key != tensor})
    assert (error.reason, error.subject, error.clause) == (Reason.MISSING_TENSOR, tensor, "PAR-1")
    assert ("if several layers share one" in str(error)) == (tensor in EXPERTS)


EXPERTS = {part.tensor for layout in LAYOUTS.values() for part in layout.parts if part.option == "experts"}


def test_the_bias_of_the_notebook_is_missing_where_it_is_always_there() -> None:
    tensors = {key: array for key, array in tensors_of("xlm").items() if key != "query_proj.0.bias"}
    assert refused("xlm", tensors).subject == "query_proj.0.bias"


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("change", ["one axis more", "one row more", "no column", "transposed", "a scalar"])
def test_another_shape_of_any_tensor_is_refused_with_its_axes_or_its_clause(name: str, change: str) -> None:
    for tensor, array in tensors_of(name).items():
        other = {
            "one axis more": array[..., None],
            "one row more": np.concatenate([array, array[:1]]),
            "no column": array[..., :0],
            "transposed": array.T,
            "a scalar": array.reshape(-1)[0] * np.ones(()),
        }[change]
        if other.shape == array.shape:
            continue  # a vector is its own transpose
        with pytest.raises(PeerError) as caught:
            retrieval_from_layout(
                name, tensors_of(name) | {tensor: np.asarray(other)}, **LAYOUTS[name].facts_of(CONFIGS[name])
            )
        error = caught.value
        assert isinstance(error, InterchangeError)
        checked(error)
        assert error.reason in (Reason.SHAPE, Reason.NO_COUNTERPART)
        assert str(tuple(other.shape)) in str(error) or error.subject != tensor or error.clause in ("EXP-1", "CFG-1")


def test_the_sentence_on_a_shape_shows_the_axes_and_the_sizes_that_follow_from_the_other_tensors() -> None:
    error = refused("peer-pytorch", tensors_of("peer-pytorch") | {"to_queries.0.weight": np.ones((17, 8))})
    assert str(error) == (
        "peer-pytorch, to_queries.0.weight: its axes must be [2·h·d/2, D], where h = 3, n = 5, d/2 = 3, D = 8, M = 8, "
        "but its shape is (17, 8); check the layout, the prefix and the checkpoint (PAR-1)"
    )


@pytest.mark.parametrize(
    ("shape", "clause", "says"),
    [
        ((25, 2, 8), "EXP-1", "an expert is one hidden neuron"),
        ((75, 8), "PAR-1", "all heads select from one table"),
        ((30, 8), "CFG-1", "drop the rows after the first 25, if the project never selects them"),
        ((24, 8), "CFG-1", "name 5² experts"),
    ],
    ids=["several neurons", "a table for each head", "not a square", "too few"],
)
@pytest.mark.parametrize("tensor", ["weight_down_embed.weight", "weight_up_embed.weight"])
def test_tables_of_other_experts_have_no_counterpart(
    tensor: str, shape: tuple[int, ...], clause: str, says: str
) -> None:
    error = refused("peer-pytorch", tensors_of("peer-pytorch") | {tensor: np.ones(shape, np.float32)})
    assert (error.reason, error.subject, error.clause) == (Reason.NO_COUNTERPART, tensor, clause)
    assert says in str(error)


@pytest.mark.parametrize(("name", "fact"), [(name, fact) for name in LAYOUTS for fact in LAYOUTS[name].facts])
def test_a_fact_that_is_not_stated_is_named_with_the_words_of_the_project(name: str, fact: Any) -> None:
    stated = LAYOUTS[name].facts_of(CONFIGS[name])
    del stated[fact.name]
    with pytest.raises(InterchangeError) as caught:
        retrieval_from_layout(name, tensors_of(name), **stated)
    error = checked(caught.value)
    assert (error.reason, error.subject) == (Reason.MISSING_FACT, fact.name)
    assert fact.told in str(error)


VALUES = [
    # layout, fact, value, reason, clause, what the sentence says
    ("peer-pytorch", "gate", "relu", Reason.NO_COUNTERPART, "GAT-1, SEL-6", "non_competing_scores=False"),
    ("mttl", "gate", "relu", Reason.NO_COUNTERPART, "GAT-1", "do not compete"),
    ("peer-pytorch", "gate", "sigmoid", Reason.WRONG_FACT, "GAT-1", "must be softmax"),
    ("peer-pytorch", "activation", "tanh", Reason.WRONG_FACT, "ACT-1", "relu or gelu or gelu_tanh"),
    ("doge", "activation", ["silu"], Reason.WRONG_FACT, "ACT-1", "relu or gelu or gelu_tanh"),
    ("peer-pytorch", "sub_keys_per_half", 3, Reason.NO_COUNTERPART, "SEL-3", "does not find the k best"),
    ("peer-pytorch", "sub_keys_per_half", None, Reason.WRONG_FACT, "", "whole number"),
    ("mttl", "top_k", 4, Reason.NO_COUNTERPART, "IDX-1", "i·k + j"),
    ("doge", "tokens_per_call", 2, Reason.NO_COUNTERPART, "SEL-6, IND-1", "two other tokens"),
    ("memory-peer", "top_k", 6, Reason.NO_COUNTERPART, "", "at most n"),
    ("xlm", "top_k", True, Reason.WRONG_FACT, "CFG-3", "whole number"),
    ("xlm", "top_k", "4", Reason.WRONG_FACT, "CFG-3", "whole number"),
    ("xlm", "top_k", 0, Reason.WRONG_FACT, "CFG-3", "whole number"),
    ("xlm", "gate", "softmax", Reason.UNKNOWN_FACT, "", "state top_k"),
]


@pytest.mark.parametrize(("name", "fact", "value", "reason", "clause", "says"), VALUES)
def test_a_fact_that_no_layer_has_is_refused(
    name: str, fact: str, value: Any, reason: Reason, clause: str, says: str
) -> None:
    error = refused(name, tensors_of(name), **{fact: value})
    assert (error.reason, error.clause) == (reason, clause)
    assert fact in error.subject
    assert says in str(error)


def test_more_experts_than_there_are_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="CFG-3"):
        from_layout("doge", tensors_of("doge"), **LAYOUTS["doge"].facts_of(CONFIGS["doge"]) | {"top_k": 26})


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_values_and_dtypes_that_no_layer_has_are_errors_of_the_tables(wrong: float) -> None:
    facts = LAYOUTS["peer-pytorch"].facts_of(CONFIGS["peer-pytorch"])
    tensors = tensors_of("peer-pytorch")
    with pytest.raises(TableError, match="PAR-3"):
        from_layout("peer-pytorch", tensors | {"keys": np.full_like(tensors["keys"], wrong)}, **facts)
    with pytest.raises(TableError, match="PAR-5"):
        from_layout("peer-pytorch", tensors | {"keys": tensors["keys"].astype(np.float64)}, **facts)


@pytest.mark.parametrize("name", ["memory-pkm", "xlm"])
def test_a_product_key_memory_is_no_layer_in_either_direction(name: str) -> None:
    with pytest.raises(InterchangeError) as caught:
        from_layout(name, tensors_of(name), top_k=4)
    error = checked(caught.value)
    assert (error.reason, error.clause) == (Reason.NO_COUNTERPART, "EXP-1")
    assert "retrieval_from_layout" in str(error)
    error = not_written(name, layer_for(name))
    assert (error.reason, error.clause) == (Reason.NOT_EXPRESSIBLE, "EXP-1")
    assert "Retrieval.of(layer)" in str(error)


def test_a_retrieval_alone_is_not_written_where_experts_belong() -> None:
    assert "pass a Layer" in str(not_written("mttl", Retrieval.of(layer_for("mttl"))))


WRITTEN = [
    # layout, changed fields, subject, clause, what the sentence says
    ("peer-pytorch", {"key_heads": 1}, "key_heads", "SCO-3", "with_keys_per_head(layer)"),
    ("peer-pytorch", {"gate": "sigmoid"}, "gate", "CFG-5", "only softmax"),
    ("peer-pytorch", {"expert": "glu"}, "experts.w", "EXP-2", "no tensor for this"),
    ("peer-pytorch", {"query_bias": True}, "query.bias", "QRY-1", "no tensor for this"),
    ("peer-pytorch", {"query_norm": "layer"}, "query_norm.scale", "NRM-6", "no tensor for this"),
    ("peer-pytorch", {"d_out": 6}, "d_out", "", "d_out = d_model"),
    ("peer-pytorch", {"d_model": 7, "d_out": 7}, "d_model", "", "even d_model"),
    ("mttl", {"top_k": 4}, "top_k", "IDX-1", "i·k + j"),
    ("doge", {"heads": 2, "key_heads": 2}, "heads", "", "write each head as a layer"),
    ("doge", {}, "query.weight", "QRY-1", "multiply the keys by the query maps"),
    ("doge", {"d_key": 8}, "query.weight", "QRY-1", "no query maps"),
    ("memory-peer", {"activation": "relu"}, "activation", "CFG-5", "only gelu"),
    ("memory-peer", {"heads": 1, "key_heads": 1}, "heads", "", "two heads"),
    ("memory-peer", {"top_k": 6}, "top_k", "", "at most n"),
    ("xlm", {"query_bias": False}, "query.bias", "QRY-1", "one of zeros"),
    ("xlm", {"query_norm": "layer"}, "query_norm.mean", "NRM-1", "the layer lacks it"),
]


@pytest.mark.parametrize(("name", "fields", "subject", "clause", "says"), WRITTEN)
def test_a_layer_that_the_project_does_not_have_is_not_written(
    name: str, fields: dict[str, Any], subject: str, clause: str, says: str
) -> None:
    layer = Layer.random(replace(CONFIGS[name], **fields))
    error = not_written(name, layer if LAYOUTS[name].has_experts else Retrieval.of(layer))
    assert (error.reason, error.subject, error.clause) == (Reason.NOT_EXPRESSIBLE, subject, clause)
    assert says in str(error)


def test_an_unknown_layout_and_an_unknown_prefix_are_answered_with_those_that_there_are() -> None:
    with pytest.raises(InterchangeError, match="peer-pytorch, mttl, doge") as caught:
        from_layout("peer", {})
    assert checked(caught.value).reason is Reason.UNKNOWN_LAYOUT
    with pytest.raises(InterchangeError, match="'keys'") as caught:
        from_layout("mttl", {"keys": np.ones(1)}, prefix="blocks.3")
    assert checked(caught.value).reason is Reason.MISSING_TENSOR


@pytest.mark.parametrize(
    ("project", "clause", "says"),
    [
        ("product-key-memory", "NRM-6", "normalises each half of a query by itself"),
        ("llm720", "IDX-1, SCO-1", "normalises queries and keys"),
        ("huyphan168", "IDX-1", "positions in the grid"),
        ("praxis", "OUT-1", "queries read a normalised token"),
        ("omni-moe", "GAT-1", "products of two softmaxes"),
    ],
)
def test_a_project_whose_layer_is_another_one_is_refused_with_the_reason(project: str, clause: str, says: str) -> None:
    for call in (lambda: from_layout(project, {}), lambda: to_layout(project, layer_for("doge"))):
        with pytest.raises(InterchangeError, match=says) as caught:
            call()
        error = checked(caught.value)
        assert (error.reason, error.layout, error.clause) == (Reason.NO_COUNTERPART, project, clause)


def test_tensors_of_a_framework_are_refused_with_what_to_pass() -> None:
    import torch

    tensors: Any = tensors_of("doge")
    error = refused("doge", tensors | {"router_gate.weight": torch.nn.Parameter(torch.ones(10, 8))})
    assert (error.reason, error.subject) == (Reason.NO_ARRAY, "router_gate.weight")
    assert "it is a Parameter and not a NumPy array; pass tensor.detach().cpu().numpy()" in str(error)


def test_an_error_can_be_sent_to_another_process() -> None:
    error = InterchangeError(Reason.SHAPE, "doge", "keys", Obstacle("it is wrong", "mend it", "PAR-1"))
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.layout, again.subject, again.clause) == (Reason.SHAPE, "doge", "keys", "PAR-1")
    assert str(again) == str(error) == "doge, keys: it is wrong; mend it (PAR-1)"


def test_every_clause_that_a_layout_names_is_in_force() -> None:
    named = [other.obstacle for layout in LAYOUTS.values() for other in layout.others]
    named += [condition.obstacle for layout in LAYOUTS.values() for condition in layout.conditions]
    named += [why for layout in LAYOUTS.values() for fact in layout.facts for why in fact.refused.values()]
    clauses = {clause for obstacle in named for clause in re.findall(r"[A-Z]{3}-\d+", obstacle.clause)}
    assert len(clauses) > 5
    assert not [clause for clause in clauses if all_clauses()[clause].superseded_by]
