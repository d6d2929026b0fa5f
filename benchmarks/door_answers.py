"""What each door of the suite says of a backend: an object, a name, a program, the command, and pytest."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from peerspec.backends import load
from peerspec.backends.process import Command
from peerspec.cli import main as peerspec
from peerspec.conformance import check_backend
from peerspec.conformance.kinds import Reason
from peerspec.conformance.render.json import loads
from peerspec.conformance.report import Report

__all__ = ["DOORS", "Asked", "First", "Said", "by_object"]

PROGRAM = Path(__file__).parents[1] / "tests" / "backends" / "process" / "programs" / "any_backend.py"


@dataclass(frozen=True)
class First:
    """The first failure, or else the first error: its finding, without message and numbers."""

    check: str
    status: str
    clause: str
    stage: str
    kind: str


@dataclass(frozen=True)
class Said:
    """What one door says: the verdict, the exit status, of which pytest has only 0 and 1, and the first failure."""

    verdict: str
    status: int
    first: First | None


@dataclass(frozen=True)
class Asked:
    """A backend, and which part of the suite it runs: the size, the beginnings of checks and the profiles, or all."""

    path: Path
    size: str
    only: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The options of ``check_backend``."""
        return {"size": self.size, "only": self.only or None, "profiles": self.profiles or None, "stop_early": True}


def by_object(asked: Asked) -> tuple[Said, Report]:
    """What the object says, and its report."""
    report = check_backend(load(str(asked.path)), **asked.options)
    return _said(report), report


def by_name(asked: Asked) -> Said:
    """A worker process."""
    return _said(check_backend(str(asked.path), **asked.options))


def by_program(asked: Asked) -> Said:
    """A program that is asked through files."""
    return _said(check_backend(Command([sys.executable, str(PROGRAM), str(asked.path)]), **asked.options))


def by_command(asked: Asked) -> Said:
    """``peerspec check`` with ``--json``."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        file = Path(folder) / "report.json"
        chosen = [*_each("--only", asked.only), *_each("--profile", asked.profiles)]
        outcome = ["--size", asked.size, "--stop-early", "--quiet", "--json", str(file)]
        status = peerspec(["check", str(asked.path), *chosen, *outcome])
        [report] = loads(file.read_text("utf-8"))
    return Said(str(report.verdict), status, _first(report))


def by_pytest(asked: Asked) -> Said:
    """The plugin, which also stops at the first failure; it goes on if another one, not yet found, caused that."""
    stopped, blocked = _by_pytest(asked, "-x")
    return _by_pytest(asked)[0] if blocked else stopped


def _by_pytest(asked: Asked, *more: str) -> tuple[Said, bool]:
    """What the plugin says, and whether nothing but a blocked failure was found."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "peerspec.conformance", "-q", "-p", "no:cacheprovider"]
    chosen = [*_each("--peer-profile", asked.profiles), "-k", " or ".join(asked.only)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.xml"
        options = ["--peer-backend", str(asked.path), "--peer-size", asked.size, "--junitxml", str(file)]
        done = subprocess.run([*command, *options, *chosen, *more], cwd=folder, capture_output=True, text=True)
        items = map(_of_item, ElementTree.parse(file).iter("testcase"))
        first = next(filter(None, items), None)
    found = re.search(r"^peerspec: .*?: (.*)$", done.stdout, re.MULTILINE)
    said = Said(found[1] if found else done.stdout[-300:], done.returncode, first)
    return said, bool(done.returncode) and first is None


def _each(option: str, values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in (option, value)]


DOORS: dict[str, Callable[[Asked], Said]] = {
    "name": by_name,
    "program": by_program,
    "command": by_command,
    "pytest": by_pytest,
}


def _said(report: Report) -> Said:
    return Said(str(report.verdict), report.exit_status, _first(report))


def _first(report: Report) -> First | None:
    found = report.first or next(iter(report.of("error")), None)
    if found is None:
        return None
    kind = found.problem.kind if found.problem else ""
    return First(f"{found.check}[{found.precision}]", *map(str, (found.status, found.clauses[0], found.stage, kind)))


def _of_item(item: ElementTree.Element) -> First | None:
    """The failure or the error of an item; None for any other, and for a failure that another one caused."""
    values = {one.attrib["name"].removeprefix("peerspec."): one.attrib["value"] for one in item.iter("property")}
    if values.get("status") not in ("fail", "error") or values.get("reason") == Reason.BLOCKED:
        return None
    name = item.attrib["name"]
    parts = [values.get(part, "") for part in ("status", "clause", "stage", "problem")]
    return First(name if "[" in name else f"{name}[]", *parts)
