"""Attack everything that reads files or messages of others: ``python -m tests.fuzz --minutes 10``.

Inputs are made from valid ones and from those of ``corpus/``, read in a process of limited memory, and some of them
by the real command. An input that finds something is written to ``findings/``. Exit status: 0 nothing is wrong, else 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.host import Reader
from tests.fuzz.inputs import Input, corpus
from tests.fuzz.session import Finding, Session
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

FINDINGS = Path(__file__).parent / "findings"
BEAT = 30.0
"""Seconds between two lines of progress."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack the targets one after another."""
    known = {target.name: target for target in targets()}
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, over all targets")
    parser.add_argument("--seed", type=int, default=0, help="decides the inputs")
    parser.add_argument("--target", choices=known, action="append", help="only this target; repeatable")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read only this input, in every way")
    given = parser.parse_args(arguments)
    chosen = [known[name] for name in given.target or known]
    if given.replay:
        return _replay(given.replay, chosen)
    seconds = 60 * given.minutes / len(chosen)
    sessions = [_attacked(target, given.seed, seconds) for target in chosen]
    for session in sessions:
        print(f"{session.target.name}: {session.tried} inputs tried, {len(session.findings)} findings")
    return int(any(session.findings for session in sessions))


def _replay(path: Path, chosen: Sequence[Target]) -> int:
    target = next((target for target in chosen if target.name == path.resolve().parent.name), chosen[0])
    with TemporaryDirectory(prefix="peerspec-fuzz-") as folder, Reader() as reader:
        session = Session(target, reader, Path(folder, target.name), shrink=False)
        found = list(session.examine(Input.of(path)))
        found += [finding for way in target.ways for finding in session.examine_for_real(Input.of(path), way)]
    for finding in found:
        print(f"{_line(finding)}\n{finding.found.detail}")
    print(f"{len(found)} findings")
    return int(bool(found))


def _attacked(target: Target, seed: int, seconds: float) -> Session:
    """Replay the corpus of a target, then read new inputs until the time is over."""
    begun, beat = time.monotonic(), time.monotonic()
    with TemporaryDirectory(prefix="peerspec-fuzz-") as folder, Reader() as reader:
        session = Session(target, reader, Path(folder, target.name))
        for number, found in enumerate(_inputs(session, seed)):
            for finding in found:
                _tell(finding)
            if time.monotonic() > beat + BEAT:
                beat = time.monotonic()
                _progress(session, beat - begun)
            if number >= len(corpus(target.name)) and time.monotonic() > begun + seconds:
                return session
    raise AssertionError("there is no last input")


def _inputs(session: Session, seed: int) -> Iterator[Iterator[Finding]]:
    for path in corpus(session.target.name):
        yield session.examine(Input.of(path))
    number = 0
    while True:
        yield session.fresh(seed * 1_000_000_007 + number)
        number += 1


def _tell(finding: Finding) -> None:
    folder = FINDINGS / finding.target.name
    folder.mkdir(parents=True, exist_ok=True)
    words = "-".join("".join(c if c.isalnum() else " " for c in " ".join(finding.key[1:])).split())[:80]
    path = folder / f"{finding.given.name(words)}{finding.target.suffix}"
    path.write_bytes(finding.given.data)
    again = f"python -m tests.fuzz --target {finding.target.name} --replay {path.relative_to(Path.cwd())}"
    print(f"{_line(finding)}\n  replay: {again}", flush=True)


def _line(finding: Finding) -> str:
    return f"{finding.target.name}, {finding.way}: {finding.found.kind} {finding.found.where}"


def _progress(session: Session, seconds: float) -> None:
    name, tried, count = session.target.name, session.tried, len(session.findings)
    print(f"{name}: {tried} inputs in {seconds:.0f} s, {count} findings", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
