"""The test programs."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from peerspec.backends.process import Command

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def program() -> Callable[..., Command]:
    """A test program, by file name and arguments."""
    return lambda name, *arguments: Command([sys.executable, str(PROGRAMS / name), *arguments])
