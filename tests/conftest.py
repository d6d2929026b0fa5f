"""Which tests share a process, and the library of kernels, compiled once into the project's own build folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes run the tests, those of one file share one, for its fixtures; the site is built once.

    The files of conformance/ have no such fixtures, and thousands of tests.
    """
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder != "conformance":
            item.add_marker(pytest.mark.xdist_group(folder if folder == "docs" else str(item.path)))


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
