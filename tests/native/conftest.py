"""Shared by the tests of the native core."""

import pytest

from peerspec import native

LEVELS = native.LEVELS[: native.LEVELS.index(native.best_level()) + 1] if native.available() else ("plain",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``level``: every instruction set that this processor has."""
    if "level" in metafunc.fixturenames:
        metafunc.parametrize("level", LEVELS)


@pytest.fixture(autouse=True)
def _core(request: pytest.FixtureRequest) -> None:
    if "without_core" not in request.fixturenames and not native.available():
        pytest.skip(native.why_not())


@pytest.fixture
def without_core() -> None:
    """The test does not need the core."""
