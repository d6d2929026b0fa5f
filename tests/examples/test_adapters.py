"""The example that adapts a Llama: both ways learn the second text, and the file gives what was trained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from peerspec.reference.adapter_files import read_adapters

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "adapters" / "train.py"
ROW = r"^(PEER|LoRA) +([\d.]+) → +([\d.]+) +([\d.]+) → +([\d.]+) +([\d,]+) +([\d,]+) +([\d,]+) MiB +(\d+) s$"


def test_adapters_of_both_kinds_learn_a_second_text_and_those_of_peer_are_loaded_again(tmp_path: Path) -> None:
    output, picture = tmp_path / "adapters.safetensors", tmp_path / "curves.svg"
    words = [ROOT / "SPEC.md", ROOT / "cli" / "app.py", "--steps=40", f"--output={output}", f"--plot={picture}"]
    done = subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {name: numbers for name, *numbers in re.findall(ROW, done.stdout, re.MULTILINE)}
    assert list(rows) == ["PEER", "LoRA"]
    for first, _, second, after, *_ in rows.values():
        assert float(after) < float(second)
        assert (first, second) == (rows["PEER"][0], rows["PEER"][2])
    assert rows["PEER"][5] == rows["LoRA"][5] == rows["LoRA"][4]  # as many active parameters
    assert f"loaded beside the Llama: {rows['PEER'][3]}" in done.stdout
    assert f"without adapters again: first text {rows['PEER'][0]}" in done.stdout
    assert len(read_adapters(output).adapters) == 6
    assert picture.read_text("utf-8").startswith("<?xml")


def test_a_text_that_is_missing_or_too_short_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"too short")
    for path, words in ((short, "must have at least 650 bytes, got 9"), (tmp_path / "none", "is not a file")):
        done = subprocess.run([sys.executable, PROGRAM, path, path], capture_output=True, text=True, timeout=300)
        assert done.returncode != 0
        assert words in done.stderr
