"""The example that replaces blocks of a Llama: it learns, and its numbers are those of the layers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from peerspec.reference import PeerConfig, cost, list_layers

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "drop_in" / "train.py"
CONFIG = PeerConfig(64, 4, 256, 8, 32, query_norm="batch")


def test_a_llama_with_replaced_blocks_learns_a_text_and_its_file_names_the_layers(tmp_path: Path) -> None:
    text, output = tmp_path / "text", tmp_path / "model.safetensors"
    text.write_bytes((ROOT / "SPEC.md").read_bytes()[:20_000])
    words = [str(text), "--steps=10", "--experts=256", f"--output={output}"]
    done = subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    numbers = [int(found.replace(",", "")) for found in re.findall(r" ([\d,]+)(?= |$)", done.stdout, re.MULTILINE)]
    dense = 3 * 64 * 256
    ours = cost(CONFIG)
    assert [dense, dense, 256, ours.parameters, ours.active_parameters] == numbers[:5]
    before, after = map(float, re.findall(r"loss ([\d.]+) before, ([\d.]+) after 10 steps", done.stdout)[0])
    assert after < before - 0.5
    assert list_layers(output) == dict.fromkeys(["model.layers.1.mlp", "model.layers.3.mlp"], CONFIG)


def test_a_text_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"too short")
    done = subprocess.run([sys.executable, PROGRAM, tmp_path / "text"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("must have at least 640 bytes, got 9")
