"""Which tests share a process, its threads, what a test leaves there, and the library of kernels, compiled once."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]


class OneProcessForAFile(LoadScopeScheduling):
    """Which tests share a process: those of a file, for its fixtures, and all of docs/, where the site is built once.

    The files of conformance/ have no such fixtures, and thousands of tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = Path(file).relative_to("tests").parts[0]
        return nodeid if folder == "conformance" else folder if folder == "docs" else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneProcessForAFile:
    """The schedule of several processes."""
    return OneProcessForAFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Any) -> None:
    """Several processes compute with one thread each: they share the processors, and threads that wait use them up."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """After a test, forget what torch compiled in it, such as the code that it skips from then on."""
    yield
    if dynamo := sys.modules.get("torch._dynamo"):
        dynamo.reset()


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
