"""The library of kernels, compiled once into the project's own build folder and kept there between runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def library() -> Iterator[Path]:
    """The library of these sources, or a skip that says what is missing; the cache stays where it is until the end."""
    from peerspec.export import ort

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(ROOT / "build" / "cache"))
        try:
            path = ort.build()
        except ort.KernelError as error:
            if "not found" not in str(error):
                raise
            pytest.skip(str(error))
        yield path
