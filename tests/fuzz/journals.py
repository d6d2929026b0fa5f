"""Journals of interrupted runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from peerspec.conformance import check_backend
from peerspec.conformance.deep import explore_deeply
from peerspec.conformance.journal_file import JournalError
from peerspec.conformance.render.json import dumps
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.reports import Wrong
from tests.fuzz.target import Target, Way

__all__ = ["TARGET"]

HEADS = (b"HEAD", b"HEAD OF DEEP")
"""They stand for the first line of each kind of run, which depends on the installed versions."""
OPTIONS: dict[str, Any] = {"size": "minimal", "only": ["structure.answer", "output"], "profiles": ["float32"]}
DEEP: dict[str, Any] = {"seconds": 0.0, "profiles": ["float32"], "directory": Path("/nowhere/failures")}


def seeds() -> Sequence[bytes]:
    """Both journals, each with a word for its first line."""
    return [b"\n".join([head, *whole.splitlines()[1:], b""]) for head, whole in zip(HEADS, journals(), strict=True)]


@cache
def journals() -> Sequence[bytes]:
    """The journal of each kind of run, as it was before the run was complete."""
    with TemporaryDirectory() as folder:
        path, kept = Path(folder, "journal"), Path(folder, "kept")

        def keep(_: object) -> None:
            shutil.copyfile(path, kept)

        check_backend(Wrong(), resume=path, progress=keep, **OPTIONS)
        first = kept.read_bytes()
        explore_deeply(Wrong(), resume=path, progress=keep, **DEEP)
        return [first, kept.read_bytes()]


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.3:
        return mutate_bytes(rng, data, seeds())
    lines = data.splitlines()
    if rng.random() < 0.1:
        lines[0] = rng.choice(journals()).splitlines()[0]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(lines[0] in HEADS, len(lines))
        text = changed_json(rng, lines[at].decode(), limit=2).replace("\n", " ")
        lines[at] = text.encode("utf-8", "surrogatepass")
    return Input(b"\n".join(lines) + b"\n")


def resume(path: Path) -> None:
    """Go on with the run of either kind; the results must be those of a report."""
    with path.open("rb") as file:
        data = file.read(1 << 20)
    head, end, rows = data.partition(b"\n")
    if head in HEADS:
        path = path.parent / "out" / "journal"
        path.write_bytes(journals()[HEADS.index(head)].splitlines()[0] + end + rows)
    if b"deep" in head.lower():
        explore_deeply(Wrong(), resume=path, **DEEP)
    else:
        dumps([check_backend(Wrong(), resume=path, **OPTIONS)])


TARGET = Target(
    "journals",
    ".jsonl",
    seeds,
    mutate,
    (Way("check --resume", resume, errors=(JournalError,), changes=True),),
)
