"""What was found once stays mended, and some new inputs find nothing; ``python -m tests.fuzz`` is the long run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.faults import EXPECTED, FAULTS
from tests.fuzz.host import Reader
from tests.fuzz.inputs import Input, corpus
from tests.fuzz.session import Session
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

SECONDS = 0.5
"""Of new inputs for each target."""
QUICK = 10
"""What reads fewer of the inputs starts processes, and is left to the long run."""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as process:
        yield process


ENTRIES = [
    pytest.param(target, path, id=f"{target.name}/{path.name}") for target in targets() for path in corpus(target.name)
]


@pytest.mark.parametrize(("target", "path"), ENTRIES)
def test_an_input_that_found_something_once_finds_nothing(
    reader: Reader, tmp_path: Path, target: Target, path: Path
) -> None:
    found = list(Session(target, reader, tmp_path, shrink=False, every=QUICK).examine(Input.of(path)))
    assert not found, found[0].found


@pytest.mark.parametrize("target", [target for target in targets() if target.name != "names"], ids=lambda t: t.name)
def test_new_inputs_find_nothing(reader: Reader, tmp_path: Path, target: Target) -> None:
    session, end = Session(target, reader, tmp_path, shrink=False, every=QUICK), time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = list(session.fresh(session.tried))
        assert not found, found[0].found
    assert session.tried


@pytest.mark.parametrize(("way", "kind"), EXPECTED.items(), ids=EXPECTED.values())
def test_every_fault_of_a_reader_is_seen(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[Path], int | None], kind: str
) -> None:
    if kind == "a hang":
        reader.read("faults", "_raises", tmp_path)  # it has started
        monkeypatch.setattr(reader, "limit", 0.5)
    session = Session(FAULTS, reader, tmp_path, shrink=False)
    [found] = session.examine(Input(b"input"), [FAULTS.way(way.__name__)])
    assert found.found.kind == kind


def test_the_input_of_a_finding_is_made_smaller(reader: Reader, tmp_path: Path) -> None:
    [found] = Session(FAULTS, reader, tmp_path).examine(Input(bytes(100)), [FAULTS.way("_raises")])
    assert found.given == Input(b"")
