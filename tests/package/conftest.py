"""Fresh Python processes, because this process has imported the package already."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Run ``python *arguments`` in ``folder`` (an empty one by default); ``path`` is put before all other packages."""

    def run(*arguments: str, folder: Path = tmp_path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run
