"""Tests that run on the native core and on the library operations that do the same without it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

WITH_THE_CORE = pytest.mark.parametrize("path", ["core"], indirect=True)
"""For what stands before or behind the core, and is the same without it."""


def both_paths(library_operations: Callable[[], AbstractContextManager[Any]]) -> Any:
    """A fixture, ``path``, that runs every test of its module with the core and without it."""

    @pytest.fixture(name="path", params=["core", "library"], autouse=True)
    def path(request: pytest.FixtureRequest) -> Iterator[str]:
        if request.param == "core":
            yield "core"
        else:
            with library_operations():
                yield "library"

    return path
