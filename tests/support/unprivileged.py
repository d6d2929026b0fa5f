"""Processes that heed the rights of files, also where the tests run as root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest

__all__ = ["unprivileged"]


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command without the capabilities of root, or a skip."""
    if os.geteuid():
        return list(command)
    if not (setpriv := shutil.which("setpriv")):
        pytest.skip("the tests run as root, whom rights of files do not hold back, and setpriv is not installed")
    return [setpriv, "--bounding-set=-all", "--inh-caps=-all", *command]
