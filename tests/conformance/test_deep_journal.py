"""The journal of the size deep: a row that the run could not have written is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from peerspec.backends import reference
from peerspec.conformance.deep import explore_deeply
from peerspec.conformance.journal_file import JournalError

OPTIONS: dict[str, Any] = {"seconds": 0.0, "profiles": ["float32"], "directory": Path("/nowhere/failures")}


class Wrong:
    """One wrong factor."""

    name, profiles = "wrong", ("float32",)

    @staticmethod
    def forward(layer: Any, x: Any, **options: Any) -> Any:
        found = reference.forward(layer, x, **options)
        return found._replace(y=2 * found.y)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a journal with a failure."""
    folder = tmp_path_factory.mktemp("deep")
    path, kept = folder / "journal", folder / "kept"
    explore_deeply(Wrong(), resume=path, progress=lambda _: shutil.copyfile(path, kept), **OPTIONS)
    return kept.read_text("utf-8").splitlines()


def resumed(lines: list[str], folder: Path) -> Any:
    path = folder / "journal"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return explore_deeply(Wrong(), resume=path, **OPTIONS)


def test_a_whole_journal_gives_its_failures_again(journal, tmp_path):
    failures = [row["failure"] for row in map(json.loads, journal[1:]) if row["failure"]]
    assert failures
    found = resumed(journal, tmp_path)
    assert [failure.message for failure in found.failures] == [failure["message"] for failure in failures]
    assert found.exit_status == 1


CHANGES: list[Any] = [
    *(("step", value) for value in ([0, "x", "float32"], [0, None, "float32"], 7)),
    *(("step", [0, "explore.layer", value]) for value in (0, None, "float64", [])),
    *(("round", value) for value in (-1, 0.5, "0", None)),
    *(("examined", value) for value in (-1, 0.5, True, "3", None)),
    *(("failure", value) for value in ({}, [], 0, False, "", "x")),
    *(("identity", value) for value in (None, [1], 5)),
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=[f"{name}={value}" for name, value in CHANGES])
def test_a_row_that_the_run_could_not_have_written_is_damaged(journal, tmp_path, name, value):
    number = next(n for n, line in enumerate(journal[1:], 1) if json.loads(line)["failure"])
    row = json.loads(journal[number])
    changed = {"step": [value, *row["step"][1:]]} if name == "round" else {name: value}
    lines = [*journal[:number], json.dumps(row | changed), *journal[number + 1 :]]
    with pytest.raises(JournalError, match=f"line {number + 1} of .* is damaged"):
        resumed(lines, tmp_path)
