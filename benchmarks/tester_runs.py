"""Runs of wrong and of correct backends, kept in a file, so that an interrupted sweep goes on where it ended."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from peerspec.backends import load
from peerspec.backends.protocol import COMPARISONS
from peerspec.conformance import check_backend
from peerspec.conformance.trials import gradients
from peerspec.files.atomic_file import write_atomically
from peerspec.reference import PRECISIONS, Layer

__all__ = ["Kept", "Task", "caught", "files", "parts", "run_tasks", "summary", "tried", "with_one_precision"]

ROOT = Path(__file__).parents[1]
NO_LIMIT = float("inf")
"""Seconds a call may take: a busy machine must not cause a false finding."""

SECONDS_BETWEEN_SAVES = 5.0
"""An interrupted sweep loses the results of so many seconds at most; the file of a long one has megabytes."""

PARTS = {"comparison": COMPARISONS, "adapted": ("adapter",), "growth": ("growth",), "trainable": ("trainable",)}
"""The checks of variants whose names begin so: they differ in these parts alone, and their layer is one for all."""

Task = tuple[Path, int, str]
"""A backend, a seed and a size."""


def files(folder: str) -> list[Path]:
    """The backends in a folder of tests, without the helpers."""
    return sorted((ROOT / "tests" / folder).glob("[!_]*.py"))


def summary(path: Path) -> str:
    """What a file says of itself: the first paragraph of its docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def parts(path: Path) -> tuple[str, ...] | None:
    """The beginnings of the checks that a variant needs; None for all."""
    return PARTS.get(path.stem.partition("_")[0])


def caught(task: Task) -> dict[str, Any]:
    """What is found first in a mutant: check, clause and stage, which are empty if it survives."""
    path, seed, size = task
    module = load(str(path))
    first = check_backend(module, size=size, seed=seed, timeout=NO_LIMIT, stop_early=True).first
    found = (first.check, first.clauses[0], first.stage) if first else ("", "", "")
    return dict(zip(("check", "clause", "stage"), found, strict=True))


def with_one_precision(claimed: Collection[str], seed: int) -> list[str]:
    """The claimed profiles with one of their precisions: seeds take them in turn."""
    precisions = [profile for profile in PRECISIONS if profile in claimed]
    chosen = precisions[seed % len(precisions)]
    return [profile for profile in claimed if profile == chosen or profile not in precisions]


class Remembered:
    """A function of arrays that computes a result once for equal arguments, until ``forget`` is called.

    The cases of a seed are the same for all variants, and a third of a run is to bound their gradients.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.forget()

    def forget(self) -> None:
        self.results: dict[bytes, Any] = {}

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        digest = hashlib.blake2b()
        for part in _parts([*arguments, *options.items()]):
            array = np.ascontiguousarray(part) if isinstance(part, np.ndarray) else None
            digest.update(repr(part if array is None else (array.dtype, array.shape)).encode() + b";")
            digest.update(b"" if array is None else array.view(np.uint8))
        if (key := digest.digest()) not in self.results:
            self.results[key] = self.function(*arguments, **options)
        return self.results[key]


def _parts(arguments: Sequence[Any]) -> Iterator[Any]:
    """The arguments, and instead of each layer its configuration and its arrays by name."""
    for argument in arguments:
        if isinstance(argument, Layer):
            yield argument.config
            yield from (part for pair in argument.params.items() for part in pair)
        else:
            yield argument


gradient_bounds = gradients.gradient_bounds = Remembered(gradients.gradient_bounds)
remembered_for: tuple[int, str] | None = None


def tried(task: Task) -> dict[str, Any]:
    """The largest share of a bound, and the findings, which are false, of a variant in one precision."""
    global remembered_for
    path, seed, size = task
    if remembered_for != (seed, size):
        gradient_bounds.forget()
        remembered_for = seed, size
    backend = load(str(path))
    profiles, size = with_one_precision(backend.profiles, seed), getattr(backend, "LARGEST", size)
    only = parts(path)
    report = check_backend(backend, size=size, seed=seed, profiles=profiles, only=only, timeout=NO_LIMIT)
    inside = (finding.share for finding in report.of("pass") if finding.precision in ("float32", "float64"))
    false = [f"seed {seed}: {finding.check}: {finding.message}" for finding in report.of("fail", "error")]
    return {"share": round(max([0.0, *inside]), 4)} | ({"false": false} if false else {})


ELSEWHERE = ("render/", "repro/", "requirements/", "plugin", "hosts/worker", "hosts/command")
"""Parts of the suite that take no part in a run of a backend that is an object."""


EXPECTED = re.compile(rb"^CLAUSE, STAGE = .*\n", re.MULTILINE)
"""What the file of a mutant expects to be found, on which no run depends."""


def fingerprint(backends: str) -> str:
    """What results depend on: the sources of the suite, of the reference, and of the backends in a folder of tests."""
    digest = hashlib.sha256()
    for folder in ("conformance", "reference", f"tests/{backends}"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.relative_to(ROOT / folder).as_posix().startswith(ELSEWHERE):
                digest.update(path.relative_to(ROOT).as_posix().encode() + EXPECTED.sub(b"", path.read_bytes()))
    return digest.hexdigest()


class Kept:
    """Results by task in a JSON file of a folder of backends.

    The file has a line for each backend and size, so that it can be committed, and a sweep goes on elsewhere.

    Args:
        folder: the folder of the file.
        backends: the folder of tests with the backends.
        earlier: whether results of other sources count; otherwise they are forgotten.

    Attributes:
        is_earlier: whether there are results of other sources.
    """

    def __init__(self, folder: Path, backends: str, *, earlier: bool = False) -> None:
        self.path = folder / f"{backends}.json"
        self.sources = now = fingerprint(backends)
        self.results: dict[str, dict[str, dict[str, Any]]] = {}
        held = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        if held and (earlier or held["sources"] == now):
            self.sources, self.results = held["sources"], held["results"]
        self.is_earlier = self.sources != now

    def get(self, task: Task) -> dict[str, Any] | None:
        path, seed, size = task
        return self.results.get(f"{path.stem} {size}", {}).get(str(seed))

    def put(self, task: Task, result: dict[str, Any]) -> None:
        path, seed, size = task
        self.results.setdefault(f"{path.stem} {size}", {})[str(seed)] = result

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = (f"{json.dumps(name)}: {json.dumps(self.results[name])}" for name in sorted(self.results))
        text = f'{{"sources": "{self.sources}", "results": {{\n' + ",\n".join(rows) + "\n}}\n"
        write_atomically(self.path, text.encode())


def run_tasks(
    title: str, run: Callable[[Task], dict[str, Any]], tasks: Sequence[Task], kept: Kept, jobs: int
) -> list[dict[str, Any]]:
    """The results of all tasks, in their order; those that are kept do not run again."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    missing = [task for task in tasks if kept.get(task) is None]
    with Progress(*columns) as progress, ProcessPoolExecutor(jobs) as pool:
        shown = progress.add_task(title, total=len(tasks), completed=len(tasks) - len(missing))
        running = {pool.submit(run, task): task for task in missing}
        saved = monotonic()
        try:
            for done in as_completed(running):
                kept.put(running[done], done.result())
                progress.update(shown, advance=1)
                if monotonic() - saved > SECONDS_BETWEEN_SAVES:
                    kept.save()
                    saved = monotonic()
        finally:
            kept.save()
    return [result for task in tasks if (result := kept.get(task)) is not None]
