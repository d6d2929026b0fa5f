"""The kernels run in Triton's interpreter: no test here needs a GPU."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]
"""Triton has no packages but for Linux."""

if find_spec("triton"):
    # Triton decides when a kernel is defined. Outside this folder tests are not to inherit the variable.
    os.environ["TRITON_INTERPRET"] = "1"
    import fast_interpreter
    import ranks_kernel  # noqa: F401 - defines a kernel

    import peerspec.backends.gpu.launches  # noqa: F401 - defines the kernels

    del os.environ["TRITON_INTERPRET"]
    fast_interpreter.install()


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The interpreter computes with NumPy, which warns of an overflow or a NaN, as a GPU does not."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with np.errstate(all="ignore"):
        yield
