import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

from peerspec.export.expert_stage import expert_stage
from peerspec.export.graph import assemble
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import select_exhaustive
from peerspec.reference.config import ACTIVATIONS, EXPERTS

ALL = [product_key_top_k(), *itertools.starmap(expert_stage, itertools.product(EXPERTS, ACTIVATIONS))]


def _selection_model(k, n, rank):
    halves = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"a{axis}" for axis in range(rank)] + [n])
        for name in ("s1", "s2")
    ]
    shape = [f"a{axis}" for axis in range(rank)] + [k]
    outputs = [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("indices", TensorProto.INT64, shape),
    ]
    node = helper.make_node("ProductKeyTopK", ["s1", "s2"], ["scores", "indices"], domain="peer", k=k)
    return assemble(helper.make_graph([node], "select", halves, outputs), [product_key_top_k()])


def _assert_exact(s1, s2, k):
    model = _selection_model(k, s1.shape[-1], s1.ndim - 1)
    scores, indices = ReferenceEvaluator(model).run(None, {"s1": s1, "s2": s2})
    expected = select_exhaustive(s1, s2, k)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(scores, expected.scores)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.name)
def test_a_function_holds_standard_operators_only_and_no_attribute_defaults(function):
    assert {node.domain for node in function.node} == {""}
    assert not function.attribute_proto
    assert [(entry.domain, entry.version) for entry in function.opset_import] == [("", 18)]
    assert function.domain == "peer"


def test_the_functions_have_the_published_signatures():
    signatures = {(f.name, tuple(f.attribute), tuple(f.input), tuple(f.output)) for f in ALL}
    assert signatures == {
        ("ProductKeyTopK", ("k",), ("s1", "s2"), ("scores", "indices")),
        ("ExpertStage", ("activation",), ("x", "indices", "gates", "u", "v"), ("y",)),
        ("ExpertStageGLU", ("activation",), ("x", "indices", "gates", "u", "v", "w"), ("y",)),
    }


@pytest.mark.parametrize("k", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("lead", [(), (0,), (7,), (2, 3), (2, 0)])
def test_selection_in_the_reference_evaluator_is_exact_on_ties(k, lead):
    rng = np.random.default_rng(k)
    s1, s2 = (rng.integers(-2, 3, (*lead, 7)).astype(np.float32) * np.float32(1 / 3) for _ in range(2))
    s1[..., 0] = -0.0
    s2[..., -1] = -0.0
    _assert_exact(s1, s2, k)


def test_selection_in_the_reference_evaluator_is_exact_for_rows_wider_than_numpy_can_choose_from():
    s1, s2 = np.random.default_rng(0).integers(-3, 4, (2, 2, 80)).astype(np.float32)
    _assert_exact(s1, s2, 70)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            arrays.arrays(np.float32, (2, 3, n), elements=st.sampled_from([-1.0, -0.0, 0.0, 2.0**-24, 1.0])),
            st.integers(1, n * n),
        )
    )
)
def test_selection_in_the_reference_evaluator_is_exact_on_sums_that_round_together(case):
    halves, k = case
    _assert_exact(*halves, k)


def test_the_model_of_one_selection_passes_the_checker():
    checker.check_model(_selection_model(3, 5, 2), full_check=True)
