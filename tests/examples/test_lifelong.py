"""The example that learns two texts: every copy learns the second one, and the frozen one forgets less of the first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "lifelong" / "train.py"
LINE = r"^(.*?) +first +([\d.]+) → +([\d.]+), second +([\d.]+) → +([\d.]+)$"


def test_three_copies_learn_a_second_text_and_the_frozen_one_forgets_less(tmp_path: Path) -> None:
    words = [ROOT / "SPEC.md", ROOT / "cli" / "app.py", "--steps=60", f"--plot={tmp_path / 'curves.svg'}"]
    done = subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {name: [*map(float, numbers)] for name, *numbers in re.findall(LINE, done.stdout, re.MULTILINE)}
    assert list(rows) == ["first text", "as it is", "grown", "grown, old frozen"]
    assert rows["first text"][1] < rows["first text"][0] - 1
    for name in ("as it is", "grown", "grown, old frozen"):
        assert rows[name][3] < rows[name][2]
    assert rows["grown, old frozen"][1] < rows["as it is"][1]
    assert (tmp_path / "curves.svg").read_text("utf-8").startswith("<?xml")


def test_a_text_that_is_missing_or_too_short_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"too short")
    for path, words in ((short, "must have at least 650 bytes, got 9"), (tmp_path / "none", "is not a file")):
        done = subprocess.run([sys.executable, PROGRAM, path, path], capture_output=True, text=True, timeout=300)
        assert done.returncode != 0
        assert words in done.stderr
