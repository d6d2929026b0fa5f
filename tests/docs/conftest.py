"""The site, built once as ``make docs`` builds it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs import modules_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def build() -> subprocess.CompletedProcess[str]:
    """The strict build of the site, run in a process of its own."""
    command = [sys.executable, "docs/site", "build/site"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="session")
def site(build: subprocess.CompletedProcess[str]) -> Path:
    """The folder of the built site."""
    assert build.returncode == 0, build.stderr
    return ROOT / "build" / "site"


@pytest.fixture
def site_modules() -> Iterator[None]:
    """The modules in docs/site can be imported by their names."""
    with modules_of(ROOT / "docs" / "site"):
        yield
