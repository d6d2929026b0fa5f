"""The commands of the GPU benchmarks, on a machine without a GPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.programs import modules_of

ROOT = Path(__file__).parents[3]
PARTS = {"ceilings", "correctness", "suite", "stages", "passes", "steps", "scaling", "training"}


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    with modules_of(ROOT / "benchmarks" / "gpu"):
        yield


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    return subprocess.run(words, cwd=ROOT, env=own | environment, capture_output=True, text=True, timeout=500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The figures of a dry run."""
    out = tmp_path_factory.mktemp("gpu")
    done = command(sys.executable, "-m", "benchmarks.gpu", "--dry", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def rows(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((folder / "gpu.json").read_text("utf-8"))["rows"]
    return found


def test_a_dry_run_goes_through_all_parts(folder: Path) -> None:
    assert {row["part"] for row in rows(folder)} == PARTS
    assert not [row for row in rows(folder) if row.get("failed")]
    page = (folder / "README.md").read_text("utf-8")
    assert "**" not in page, "an error is too large, or two runs differ"
    assert page.count("\n## ") == len(PARTS) + 1


def test_kernels_and_library_operations_agree(folder: Path) -> None:
    errors = {row["what"]: row["error"] for row in rows(folder) if row["part"] == "correctness"}
    assert len(errors) > 10
    assert all(0 < errors[f"update by {name}"] < 1e-6 for name in ("SGD", "Adagrad", "Adam"))
    [verdict] = [row for row in rows(folder) if row["part"] == "suite"]
    assert verdict["status"] == 0


def test_a_run_goes_on_where_it_ended_and_tries_again_what_failed(folder: Path) -> None:
    path = folder / "gpu.json"
    book = json.loads(path.read_text("utf-8"))
    kept = [row for row in book["rows"] if row["part"] != "ceilings"]
    failed = {"part": "ceilings", "point": "all", "failed": "RuntimeError: out of memory"}
    path.write_text(json.dumps({**book, "rows": [*kept, failed]}), "utf-8")
    done = command(sys.executable, "-m", "benchmarks.gpu", "--dry", "--out", str(folder))
    assert [line.split()[0] for line in done.stdout.splitlines() if " s  " in line] == ["ceilings"]
    assert len(rows(folder)) == len(kept) + 3


def test_figures_of_another_run_are_not_mixed_with_new_ones(folder: Path, tmp_path: Path) -> None:
    book = json.loads((folder / "gpu.json").read_text("utf-8"))
    book["about"]["device"] = "another card"
    (tmp_path / "gpu.json").write_text(json.dumps(book), "utf-8")
    done = command(sys.executable, "-m", "benchmarks.gpu", "--dry", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "holds figures of another run (device another card); pass another folder" in done.stderr
    assert json.loads((tmp_path / "gpu.json").read_text("utf-8")) == book


def test_a_point_that_fails_in_the_middle_keeps_its_figures_and_is_tried_again(tmp_path: Path) -> None:
    from book import Book

    book = Book(tmp_path)
    book.add("passes", "T=1", {"variant": "peerspec", "ms": 1.0})
    assert book.has("passes", "T=1")
    book.add("passes", "T=1", {"failed": "PEER-pytorch: out of memory"})
    again = Book(tmp_path)
    assert not again.has("passes", "T=1")
    assert again.find("passes", variant="peerspec", ms=1.0)
    again.forget("passes", "T=1")
    assert not again.rows


def test_a_rival_that_fails_is_left_out_with_its_reason() -> None:
    from clock import failures

    def fails() -> None:
        raise MemoryError("of the device")

    assert failures({"good": list, "bad": fails}) == {"bad": "bad: MemoryError: of the device"}


@pytest.mark.parametrize(
    ("backend", "limit", "words"),
    [("missing.py", 60.0, "missing.py"), ("reference", 0.1, "no verdict within 0 s")],
)
def test_a_suite_without_a_verdict_has_failed(tmp_path: Path, backend: str, limit: float, words: str) -> None:
    from suite import suite

    [row] = suite(tmp_path, backend, limit)
    assert row["status"] != 0
    assert any(words in line for line in row["failed"])


def test_the_checkout_needs_no_installation(tmp_path: Path) -> None:
    program = "import sys, runpy; sys.path += ['.', sys.argv.pop(1)]; "
    program += "runpy.run_module('benchmarks.gpu', None, '__main__', True)"
    packages = sysconfig.get_paths()["purelib"]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if not Path(path, "peerspec").exists()]
    words = (packages, "--dry", "--only", "ceilings", "--out", str(tmp_path))
    done = command(sys.executable, "-S", "-c", program, *words, PYTHONPATH=os.pathsep.join(paths))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "gpu.json").read_text("utf-8"))["about"]["peerspec"] == "from the checkout"


def test_without_a_gpu_the_command_says_so(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    done = command(sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path / "new"))
    assert done.returncode == 2
    assert "torch finds no CUDA device; run on a machine with an NVIDIA GPU, or pass --dry" in done.stderr


def test_kernels_for_three_chips_take_no_more_than_is_noted() -> None:
    """All kernels in all sizes take minutes, so here are those of one width; the command without --only has all."""
    done = command(sys.executable, "benchmarks/gpu/resources.py", "--only", "D=1000")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 * 2 * (4 + 10)
    assert all("spills 0" in line for line in lines)


def test_kernels_compile_with_the_oldest_supported_triton() -> None:
    """Its interpreter does not run under NumPy 2, so there is only the machine code to judge."""
    folder = os.environ.get("PEERSPEC_OLDEST_TRITON")
    if folder is None:
        pytest.skip("PEERSPEC_OLDEST_TRITON names no folder with the oldest supported Triton")
    oldest = re.search(r'"triton>=([\d.]+)', (ROOT / "pyproject.toml").read_text("utf-8"))
    path = os.pathsep.join([folder, *sys.path])
    version = command(sys.executable, "-c", "import triton; print(triton.__version__)", PYTHONPATH=path)
    assert oldest
    assert version.stdout.startswith(oldest[1] + ".")
    words = "--chips", "90", "--only", "D=1000"
    done = command(sys.executable, "benchmarks/gpu/resources.py", *words, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * (4 + 10)
    assert all("spills 0" in line for line in lines)


def test_what_is_not_noted_is_a_fault() -> None:
    import resources

    row = {"spills": 0, "stack": 0, "float atomics": 0, "loads": {"16": 1}, "registers": 64}
    assert not list(resources.faults("expert stage", row, row))
    assert ["noted" in fault for fault in resources.faults("expert stage", row, None)] == [True]
    assert ["registers" in fault for fault in resources.faults("expert stage", row, row | {"registers": 63})] == [True]
