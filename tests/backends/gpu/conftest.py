"""The kernels run in Triton's interpreter: no test here needs a GPU."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

os.environ["TRITON_INTERPRET"] = "1"
sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]
"""Triton has no packages but for Linux."""

if find_spec("triton"):
    import fast_interpreter

    fast_interpreter.install()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The interpreter computes with NumPy, which warns of an overflow or a NaN, as a GPU does not."""
    with np.errstate(all="ignore"):
        yield
