"""One target under attack: inputs are made, read in every way, and kept if something is wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.fuzz.found import Found
from tests.fuzz.host import LIMIT, Reader
from tests.fuzz.inputs import Input, corpus
from tests.fuzz.real import read_for_real
from tests.fuzz.target import Target, Way

__all__ = ["Finding", "Session"]

REAL = 300
"""One of so many inputs is read by a real command line."""
SELDOM = 1000
"""No way reads fewer of the inputs."""
SHRINKING = 10.0
"""Seconds to make an input smaller."""


@dataclass(frozen=True)
class Finding:
    """An input, the way in which it was read, and what was wrong."""

    target: Target
    way: str
    given: Input
    found: Found

    @property
    def key(self) -> tuple[str, ...]:
        """What two findings of one cause have in common."""
        return (self.target.name, *self.found.key)


class Session:
    """The attack on one target.

    Args:
        target: the target.
        reader: the process that reads.
        folder: an empty folder.
        shrink: whether the input of a finding is made smaller.
        every: only ways are used that read one of at most so many inputs; those that start processes read fewer.

    Attributes:
        tried: the number of inputs so far.
        findings: one finding for each cause.
    """

    def __init__(
        self, target: Target, reader: Reader, folder: Path, *, shrink: bool = True, every: int = SELDOM
    ) -> None:
        self.target, self._reader, self._folder, self._shrink = target, reader, folder, shrink
        self.ways = [way for way in target.ways if way.every <= every]
        self.tried, self.findings = 0, dict[tuple[str, ...], Finding]()
        folder.mkdir(parents=True, exist_ok=True)
        target.prepare(folder)
        self._path = folder / f"input{target.suffix}"
        self._pool = [*target.seeds(), *(path.read_bytes() for path in corpus(target.name))]

    def fresh(self, seed: int) -> Iterator[Finding]:
        """Read one new input; gives the findings of new causes."""
        rng = Random(f"{self.target.name} {seed}")
        data = rng.choice(self._pool)
        try:
            given = self.target.mutate(rng, data)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError):
            given = Input(data)  # an input of the corpus may have no structure to change
        yield from self.examine(given, [way for way in self.ways if rng.randrange(way.every) == 0])
        if self._shrink and rng.randrange(REAL) == 0:
            yield from self.examine_for_real(given, rng.choice(self.ways))

    def examine(self, given: Input, ways: Sequence[Way] | None = None) -> Iterator[Finding]:
        """Read an input in these ways, or in all; gives the findings of new causes."""
        self.tried += 1
        for way in self.ways if ways is None else ways:
            found = self._read(given, way)
            if found and (finding := Finding(self.target, way.name, given, found)).key not in self.findings:
                self.findings[finding.key] = finding = self._smaller(finding, way) if self._shrink else finding
                yield finding

    def examine_for_real(self, given: Input, way: Way) -> Iterator[Finding]:
        """Run the real command of a way, if it has one; gives a finding of a new cause."""
        self._write(given)
        found = read_for_real(way.arguments(self._path), self._folder / "out", LIMIT) if way.arguments else None
        finding = found and Finding(self.target, f"{way.name}, for real", given, found)
        if finding and finding.key not in self.findings:
            self.findings[finding.key] = finding
            yield finding

    def _read(self, given: Input, way: Way) -> Found | None:
        self._write(given)
        before = self._files()
        found = self._reader.read(self.target.name, way.name, self._path)
        if found or way.changes:
            return found
        if not given.is_in(self._path) or self._files() != before:
            return Found("it changed an input", "", way.name)
        return None

    def _write(self, given: Input) -> None:
        """Write the input, beside an empty folder for outputs."""
        shutil.rmtree(self._folder / "out", ignore_errors=True)
        (self._folder / "out").mkdir()
        given.write(self._path)

    def _files(self) -> dict[str, tuple[int, int]]:
        """The files beside the input, with their sizes and times."""
        stats = {path.name: path.lstat() for path in self._folder.iterdir() if path.name != "out"}
        return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}

    def _smaller(self, finding: Finding, way: Way) -> Finding:
        """The finding with parts of its input left out, as far as it stays one."""
        end, part = time.monotonic() + SHRINKING, len(finding.given.data) // 2
        while part and finding.found.kind != "a hang":
            start = 0
            while start < len(data := finding.given.data):
                given = Input(data[:start] + data[start + part :], finding.given.size)
                found = self._read(given, way)
                if found and found.key == finding.found.key:
                    finding = replace(finding, given=given, found=found)
                else:
                    start += part
                if time.monotonic() > end:
                    return finding
            part //= 2
        return finding
