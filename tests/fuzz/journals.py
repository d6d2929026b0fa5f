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

HEAD = b"HEAD\n"
OPTIONS: dict[str, Any] = {"size": "minimal", "only": ["structure.answer", "output"], "profiles": ["float32"]}
DEEP: dict[str, Any] = {"seconds": 0.0, "profiles": ["float32"], "directory": Path("/nowhere/failures")}


@cache
def seeds() -> Sequence[bytes]:
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
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(lines)) if rng.random() < 0.1 else rng.randrange(1, len(lines))
        text = changed_json(rng, lines[at].decode(), limit=2).replace("\n", " ")
        lines[at] = text.encode("utf-8", "surrogatepass")
    return Input(b"\n".join(lines) + b"\n")


def resume(path: Path) -> None:
    """Go on with the run of either kind; the results must be those of a report."""
    path, head = _with_head(path)
    if b'"deep"' in head:
        explore_deeply(Wrong(), resume=path, **DEEP)
    else:
        dumps([check_backend(Wrong(), resume=path, **OPTIONS)])


def _with_head(path: Path) -> tuple[Path, bytes]:
    """A journal, and its beginning; a file of the corpus has ``HEAD`` for what depends on the installed versions."""
    with path.open("rb") as file:
        data = file.read(1 << 20)
    if not data.startswith(HEAD):
        return path, data[:4000]
    whole, first = path.parent / "out" / "journal", seeds()[0].splitlines(keepends=True)[0]
    whole.write_bytes(first + data.removeprefix(HEAD))
    return whole, first


TARGET = Target(
    "journals",
    ".jsonl",
    seeds,
    mutate,
    (Way("check --resume", resume, errors=(JournalError,), changes=True),),
)
