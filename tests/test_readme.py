"""What the README promises: a short page, a short backend, a bug that is found, and numbers that are true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.pages import agrees, blocks, run_page

from peerspec.reference import SPEC_VERSION, PeerConfig, cost

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


class Ran(NamedTuple):
    """The names that the README's code defines, and what each command prints and should print."""

    names: dict[str, Any]
    outputs: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    outputs: dict[str, tuple[str, str]] = {}
    folder = tmp_path_factory.mktemp("readme")
    names = run_page(README, folder, lambda command, *both: outputs.update({command: both}))
    return Ran(names, outputs)


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) < 200


def test_the_readme_shows_the_real_output_of_its_commands(ran: Ran) -> None:
    assert len(ran.outputs) == 4
    assert [command for command, both in ran.outputs.items() if not agrees(*both)] == []


def test_the_example_is_complete_in_under_40_lines_and_conformant(ran: Ran) -> None:
    example = next(block.text for block in blocks(README) if block.marker == "file: mine.py")
    assert len(example.splitlines()) < 40
    assert "✓ mine: conformant (float32)" in ran.outputs["peerspec check mine.py"][0]


def test_the_planted_bug_fails_the_clause_on_heads(ran: Ran) -> None:
    assert "✗ accumulation  OUT-2  " in ran.outputs["peerspec check mine.py --stop-early"][0]


def test_the_module_example_runs_in_six_lines(ran: Ran) -> None:
    assert tuple(ran.names["y"].shape) == (2, 10, 256)
    example = next(block.text for block in blocks(README) if "import torch" in block.text)
    assert len([line for line in example.splitlines() if line and "import" not in line]) <= 4


def test_the_two_commands_are_those_of_the_makefile() -> None:
    targets = re.findall(r"^make (\w+)", "".join(block.text for block in blocks(README)), re.MULTILINE)
    makefile = (Path(__file__).parents[1] / "Makefile").read_text("utf-8")
    assert targets == ["check", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_growth_of_the_arithmetic_is_that_of_the_cost() -> None:
    few, many = (cost(PeerConfig(256, 8, n * n, 16, 128)).flops_per_token for n in (32, 1024))
    stated = re.search(r"grows by a factor of (\d\.\d)", README)
    assert stated
    assert float(stated[1]) == round(many / few, 1)


def test_the_version_to_cite_is_the_implemented_one() -> None:
    assert f'"peerspec {SPEC_VERSION}, SEL-1"' in README
