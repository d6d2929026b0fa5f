"""The page of stacks is written from the marks of the tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

from support.sharding_tables import FIGURES, mapped, tables
from support.stacks import FRAMEWORKS, PAGE, page, rows


def test_the_page_of_stacks_is_that_of_the_marks() -> None:
    assert PAGE.read_text("utf-8") == page(), "python tests/support/stacks.py writes it"


def test_every_mark_is_one_row_of_a_known_framework() -> None:
    found = list(rows())
    assert {row.framework for row in found} == FRAMEWORKS.keys()
    assert max(Counter(row[:3] for row in found).values()) == 1


def test_the_tables_of_the_page_on_several_processes_are_those_of_the_figures() -> None:
    text = PAGE.with_name("several-processes.md").read_text("utf-8")
    assert all(table in text for table in (*tables(), mapped()))


def test_what_loopback_sends_is_what_the_model_says() -> None:
    """TCP and IP add at most a hundredth in messages of this size, and barriers a few hundred bytes."""
    rows = json.loads(FIGURES.read_text("utf-8"))["sent"]
    measured = [row for row in rows if "measured" in row]
    assert len(measured) == 6
    for row in measured:
        for part in ("forward", "backward"):
            assert row["model"][part] <= row["measured"][part] <= 1.02 * row["model"][part]


def test_the_programs_of_the_page_on_several_processes_run() -> None:
    text = PAGE.with_name("several-processes.md").read_text("utf-8")
    first, of_jax, mapped = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for program, check in ((first + mapped, "assert y.shape == (8, 64)"), (of_jax, _NOT_ZERO)):
        done = subprocess.run([sys.executable, "-c", program + check], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]


_NOT_ZERO = "\nassert all(gradient.any() for gradient in gradients.values())"
