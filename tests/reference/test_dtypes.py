"""The dtypes of a layer: those of its parameters, its input and its computation (PAR-5, PRC-2, PRC-3)."""

import numpy as np
import pytest

from peerspec.reference import DTYPES, PRECISIONS, compute_dtype, input_dtypes, parameter_dtype


@pytest.mark.parametrize("name", DTYPES)
def test_only_float64_parameters_are_computed_with_in_float64(name: str) -> None:
    assert compute_dtype(DTYPES[name]) == (np.float64 if name == "float64" else np.float32)


def test_the_dtype_may_have_any_form_that_numpy_takes() -> None:
    assert compute_dtype("float64") == compute_dtype(np.float64) == DTYPES["float64"]
    assert compute_dtype(np.float16) == compute_dtype("float32") == DTYPES["float32"]


@pytest.mark.parametrize("name", DTYPES)
def test_running_statistics_have_the_compute_dtype_and_learned_parameters_that_of_the_layer(name: str) -> None:
    dtype = DTYPES[name]
    assert {parameter_dtype(f"query_norm.{part}", dtype) for part in ("mean", "var")} == {compute_dtype(dtype)}
    assert {parameter_dtype(f"query_norm.{part}", dtype) for part in ("scale", "bias")} == {dtype}


def test_a_mixed_precision_has_float32_parameters_and_a_narrow_input() -> None:
    names = {p.name: (str(p.parameters), str(p.input), str(p.compute)) for p in PRECISIONS.values()}
    assert list(names) == [*DTYPES, "mixed-bfloat16", "mixed-float16"]
    assert names["mixed-bfloat16"] == ("float32", "bfloat16", "float32")
    assert names["mixed-float16"] == ("float32", "float16", "float32")
    assert names["bfloat16"] == ("bfloat16", "bfloat16", "float32")


def test_only_float32_parameters_take_another_input() -> None:
    found = {name: {str(dtype) for dtype in input_dtypes(DTYPES[name])} for name in DTYPES}
    wide = {"float32": {"float32", "bfloat16", "float16"}}
    assert found == {name: {name} for name in DTYPES} | wide
