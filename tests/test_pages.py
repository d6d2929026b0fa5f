"""The pages that lead into the project: every block runs, and every output is the real one.

``test_readme.py`` runs the blocks of the README.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.pages import agrees, blocks, changed, commands, run_command, run_page, unmarked

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("tutorial-*.md")), *sorted((ROOT / "docs").glob("how-to-*.md"))]
README = ROOT / "README.md"


def _expect(command: str, printed: str, shown: str) -> None:
    assert agrees(printed, shown), f"{command} printed\n{printed}\nbut the page shows\n{shown}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_of_the_page_runs_with_the_output_that_the_page_shows(path: Path, tmp_path: Path) -> None:
    run_page(path.read_text("utf-8"), tmp_path, _expect)


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.name)
def test_every_block_of_the_page_is_run_or_says_why_not(path: Path) -> None:
    assert unmarked(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
def test_every_relative_link_of_the_page_leads_to_a_file(path: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)", prose)
    missing = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert missing == []


def test_the_backend_of_the_tutorial_is_that_of_the_readme() -> None:
    assert _first_file(ROOT / "docs" / "tutorial-backend.md") == _first_file(README)


def test_the_job_of_the_guide_on_ci_runs_only_commands_that_the_page_tests() -> None:
    page = blocks((ROOT / "docs" / "how-to-ci.md").read_text("utf-8"))
    job = next(block.text for block in page if block.language == "yaml")
    tested = [command for block in page if block.language == "console" for command, _ in commands(block.text)]
    runs = re.findall(r"run: (peerspec .*)", job)
    assert len(runs) == 2
    assert [run for run in runs if not any(command.startswith(run) for command in tested)] == []


def _first_file(path: Path) -> str:
    return next(block.text for block in blocks(path.read_text("utf-8")) if block.marker == "file: mine.py")


def test_another_output_is_noticed_and_a_decimal_number_may_differ() -> None:
    assert agrees("took 0.5 s\nall good\n", "took 0.7 s\nall good")
    assert not agrees("took 0.5 s\nall bad\n", "took 0.7 s\nall good")


def test_an_ellipsis_stands_for_lines_and_not_for_the_ends() -> None:
    assert agrees("first\nsecond\nthird\n", "first\n…\nthird\n")
    assert not agrees("first\nsecond\nfourth\n", "first\n…\nthird\n")


@pytest.mark.parametrize("variable", ["CI", "BUILD_NUMBER"])
def test_pytest_prints_the_same_within_continuous_integration(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    raise ValueError('a long reason ' * 9)\n", "utf-8")
    printed = [run_command("pytest -q --tb=no -p no:cacheprovider test_it.py", tmp_path)]
    monkeypatch.setenv(variable, "1")
    printed.append(run_command("pytest -q --tb=no -p no:cacheprovider test_it.py", tmp_path))
    assert agrees(*printed)
    assert "..." in printed[1], "the summary is shortened"


def test_a_change_that_fits_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="2 times"):
        changed("a\nb\na\n", "-a\n+c\n")


def test_a_console_block_begins_with_a_command() -> None:
    assert commands("$ one\nx\n$ two\n") == [("one", "x\n"), ("two", "")]
    with pytest.raises(AssertionError, match="begins with a command"):
        commands("x\n$ one\n")
