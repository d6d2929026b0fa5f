"""The example that compares five layers: all cost as much, all learn, and in generation experts choose others."""

from __future__ import annotations

import importlib
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support.programs import modules_of

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "compare" / "train.py"
NAMES = ["PEER", "dense", "tokens choose", "experts choose*", "memory"]
ROW = r"^(\w.*?) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +(\d+) ms +([\d.]+) \(([\d.]+)\)(\*?)$"


@pytest.fixture
def example() -> Iterator[ModuleType]:
    with modules_of(ROOT / "examples" / "compare", ROOT / "examples" / "language_model"):
        yield importlib.import_module("train")


def test_five_layers_of_equal_flops_learn_a_text_and_one_has_a_mark(tmp_path: Path) -> None:
    words = [ROOT / "SPEC.md", "--steps=20", "--seeds=1", f"--plot={tmp_path / 'curves.svg'}"]
    done = subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {name: numbers for name, *numbers in re.findall(ROW, done.stdout, re.MULTILINE)}
    assert list(rows) == NAMES
    flops = {name: int(numbers[2].replace(",", "")) for name, numbers in rows.items()}
    for name, (*_, mean, loss, mark) in rows.items():
        assert abs(flops[name] / flops["PEER"] - 1) < 0.01
        assert mean == loss
        assert float(loss) < math.log(256) - 1  # the loss of equal chances for all bytes
        assert bool(mark) == (name == "experts choose*")
    assert re.search(r"^  byte by byte +[\d.]+ \([\d.]+\)$", done.stdout, re.MULTILINE)
    assert "* saw later bytes" in done.stdout
    assert (tmp_path / "curves.svg").read_text("utf-8").startswith("<?xml")


@torch.no_grad()
def test_byte_by_byte_is_the_same_loss_except_where_experts_choose(example: ModuleType) -> None:
    tokens = torch.randint(256, (2, 16), generator=torch.Generator().manual_seed(0))
    differences = {}
    for name in example.NAMES:
        model = example.new_model(name, seed=0).double().eval()
        model.embedding.weight *= 50  # new logits are so near to zero that nothing would differ
        differences[name] = abs(example.byte_by_byte(model, tokens) - example.loss_of(model, tokens).item())
    # the rounding of float64 is far smaller, and what another choice of tokens changes is far larger
    assert {name for name, difference in differences.items() if difference > 1e-9} == {"experts choose"}, differences
