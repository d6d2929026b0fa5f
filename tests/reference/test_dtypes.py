"""The dtype in which a layer computes follows from the dtype of its input (PRC-2, PRC-3)."""

import numpy as np
import pytest

from peerspec.reference import DTYPES, compute_dtype


@pytest.mark.parametrize("name", DTYPES)
def test_only_float64_inputs_are_computed_in_float64(name: str) -> None:
    assert compute_dtype(DTYPES[name]) == (np.float64 if name == "float64" else np.float32)


def test_the_dtype_may_have_any_form_that_numpy_takes() -> None:
    assert compute_dtype("float64") == compute_dtype(np.float64) == DTYPES["float64"]
    assert compute_dtype(np.float16) == compute_dtype("float32") == DTYPES["float32"]
