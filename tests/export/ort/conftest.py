"""The library of kernels, compiled once into the project's own build folder and kept there between runs."""

from pathlib import Path

import pytest

from peerspec.export import ort

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def library() -> Path:
    """The library of these sources, or a skip that says what is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(ROOT / "build" / "cache"))
        try:
            return ort.build()
        except ort.KernelError as error:
            if "not found" not in str(error):
                raise
            pytest.skip(str(error))
