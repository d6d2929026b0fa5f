"""Measures the layer on one GPU: correctness first, then every kernel beside its floor and the layer beside its rivals.

    python -m benchmarks.gpu --out DIR              about eight minutes; writes DIR/gpu.json and DIR/README.md
    python -m benchmarks.gpu --out DIR --dry        tiny sizes with interpreted kernels on the CPU, about a minute

Figures are written after every point. A run with the same DIR goes on where an earlier one ended, and tries again what
failed. When the seconds of --budget are over, the points that are missing are listed. The checkout needs no
installation: torch, Triton, NumPy and the packages of pyproject.toml are enough, and JAX for its backend.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))
if "--dry" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported

from layout import ROOT, make_importable

FOUND = make_importable()

import torch  # noqa: E402
from book import Book, Row  # noqa: E402
from ceilings import ceilings  # noqa: E402
from correctness import correctness  # noqa: E402
from layer import passes, scaling, steps  # noqa: E402
from page import markdown  # noqa: E402
from sizes import DRY, GPU, Point, Sizes  # noqa: E402
from stages import stages  # noqa: E402
from suite import BACKENDS, suite  # noqa: E402
from training import training  # noqa: E402

import peerspec.backends  # noqa: E402
from peerspec.backends.torch.gpu.availability import computed_by_device  # noqa: E402

PACKAGES = ("torch", "triton", "jax", "numpy")
SAME = ("device", "versions", "kernels")
"""What all figures of a folder have in common."""
SUITE_LIMIT = 150.0
"""Seconds for the suite on one backend."""


class Task(NamedTuple):
    """A point of a part, and the function that yields its rows."""

    part: str
    point: str
    run: Callable[[], Iterator[Row]]


def tasks(book: Book, sizes: Sizes, folder: Path, left: Callable[[], float]) -> Iterator[Task]:
    """All points, what matters most first; the suites, which compile most, have the time that is left."""
    yield Task("ceilings", "all", lambda: ceilings(sizes))
    yield Task("correctness", "all", lambda: correctness(sizes))
    points = sizes.points
    largest = [point for point in points if point.tokens == max(sizes.tokens)]
    others = [point for point in points if point.tokens < max(sizes.tokens)]
    for point in largest[:2]:
        yield from of_point(book, sizes, point, compiled=point is largest[0])
        yield Task("steps", point.name, lambda p=point: steps(sizes, p))
    for point in [point for point in others if point.tokens == 1][:1]:
        yield from of_point(book, sizes, point, compiled=False)
    yield Task("scaling", "all", lambda: scaling(sizes))
    yield Task("training", "all", lambda: training(sizes))
    dry = sizes.device == "cpu"
    options = ("--profile", "float32", "--only", "structure", "--only", "selection") if dry else ()
    for name in [str(ROOT / "tests" / "backends" / "gpu" / "torch_interpreted.py")] if dry else BACKENDS:
        yield Task("suite", Path(name).stem, lambda name=name: suite(folder, name, min(SUITE_LIMIT, left()), *options))
    for point in largest[2:]:
        yield from of_point(book, sizes, point, compiled=False)
        yield Task("steps", point.name, lambda p=point: steps(sizes, p))
    for point in others:
        yield from of_point(book, sizes, point, compiled=False)


def of_point(book: Book, sizes: Sizes, point: Point, *, compiled: bool) -> Iterator[Task]:
    def beside_floor() -> Iterator[Row]:
        copy = book.find("ceilings", what="copy")
        product = book.find("ceilings", what=f"product, {str(point.dtype)[6:]}")
        if not copy or not product:
            raise RuntimeError("the ceilings of the device are missing; run that part first")
        return stages(sizes, point, 1e6 * copy["GB/s"], 1e9 * product["TFLOP/s"])

    yield Task("stages", point.name, beside_floor)
    yield Task("passes", point.name, lambda: passes(sizes, point, compiled=compiled))


def run(task: Task, book: Book) -> None:
    """Note the rows of a point, or why it failed; the run goes on."""
    start, count, failed = time.perf_counter(), 0, []
    book.forget(task.part, task.point)
    try:
        for row in task.run():
            book.add(task.part, task.point, row)
            count += 1
            failed += [row["failed"]] if row.get("failed") else []
    except Exception as error:  # one point must not end the run, whatever goes wrong in it
        failed.append(f"{type(error).__name__}: {error}"[:300])
        book.add(task.part, task.point, {"failed": failed[-1]})
    seconds = time.perf_counter() - start
    words = "; ".join([f"{count} rows", *map(str, failed)])
    print(f"{task.part:12} {task.point:36} {seconds:6.1f} s  {words}", flush=True)
    with suppress(Exception):  # after a fault of the device, nothing of this process works, but the suites may
        torch.cuda.empty_cache()


def about(dry: bool) -> Row:
    """The machine and the versions of a run."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    device = "interpreted on the CPU" if dry else torch.cuda.get_device_name()
    runs = "Triton" if dry else computed_by_device(torch.cuda.current_device())
    print(f"torch computes by {runs}", flush=True)
    return {
        "device": device,
        "torch": runs,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions,
        "peerspec": FOUND,
        "kernels": sources_of_kernels(),
    }


def sources_of_kernels() -> str:
    """A hash of the sources that decide on the figures."""
    digest = hashlib.sha256()
    for folder in (Path(peerspec.backends.__file__).parent / name for name in ("gpu", "torch", "jax")):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=480.0, help="seconds after which no new point begins")
    parser.add_argument("--only", nargs="*", help="only these parts")
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU")
    options = parser.parse_args()
    if not options.dry and not torch.cuda.is_available():
        parser.error("torch finds no CUDA device; run on a machine with an NVIDIA GPU, or pass --dry")
    start, sizes = time.monotonic(), DRY if options.dry else GPU
    book, own = Book(options.out), about(options.dry)
    if other := [f"{key} {book.about[key]}" for key in SAME if book.about and book.about[key] != own[key]]:
        parser.error(f"{options.out} holds figures of another run ({', '.join(other)}); pass another folder")
    if not own["torch"].startswith("Triton"):
        parser.error(f"torch would not run the kernels: {own['torch']}")
    book.about = own
    with ExitStack() as stack:
        if options.dry:
            from dry import interpreted_kernels

            stack.enter_context(interpreted_kernels())
        missing, tried = [], set()
        for task in tasks(book, sizes, options.out, lambda: options.budget - (time.monotonic() - start)):
            if (options.only and task.part not in options.only) or book.has(task.part, task.point):
                continue
            if task[:2] in tried:
                continue
            tried.add(task[:2])
            if time.monotonic() - start > options.budget:
                missing.append(f"{task.part} {task.point}")
                continue
            run(task, book)
    (options.out / "README.md").write_text(markdown(book), "utf-8")
    failed = sum(bool(row.get("failed")) for row in book.rows)
    print(f"wrote {options.out / 'README.md'}; {failed} points failed, {len(missing)} are missing")
    if missing:
        print("missing, for lack of time:", "; ".join(missing))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
