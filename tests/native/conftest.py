"""Shared by the tests of the native core."""

import pytest

from peerspec import native

ISAS = native.ISAS[: native.ISAS.index(native.best_isa()) + 1] if native.available() else ("plain",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``isa``: every instruction set that this processor has."""
    if "isa" in metafunc.fixturenames:
        metafunc.parametrize("isa", ISAS)


@pytest.fixture(autouse=True)
def _core(request: pytest.FixtureRequest) -> None:
    if "without_core" not in request.fixturenames and not native.available():
        pytest.skip(native.unavailable_reason())


@pytest.fixture
def without_core() -> None:
    """The test does not need the core."""
