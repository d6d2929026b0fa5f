"""Run tests on both paths: with the native core, and with library operations."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

WITH_THE_CORE = pytest.mark.parametrize("path", ["core"], indirect=True)
"""For tests of code that is the same on both paths."""


def both_paths(library_operations: Callable[[], AbstractContextManager[Any]]) -> Any:
    """A fixture ``path`` that runs every test of its module on both paths."""

    @pytest.fixture(name="path", params=["core", "library"], autouse=True)
    def path(request: pytest.FixtureRequest) -> Iterator[str]:
        if request.param == "core":
            yield "core"
        else:
            with library_operations():
                yield "library"

    return path
