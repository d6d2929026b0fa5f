"""Figures as JSON: a folder for each machine, and in it one file for each part, with its rows, versions and date."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from machine import peak
from timing import last_cache

from peerspec import native

__all__ = ["machine", "machines", "read", "show", "write"]

Row = dict[str, Any]
KEYS = ("N", "D", "T", "n")
SHOWN = ("median", "warm", "speed", "speed_warm", "of_limit", "overhead", "beyond", "absent")


def machine(*packages: str) -> dict[str, Any]:
    """Processor, threads, date, and the versions of the packages that are always measured and of ``packages``."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": model,
        "instructions": native.best_isa() if native.available() else "no core",
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(memory / 2**30),
        "last_cache_mib": last_cache() >> 20,
        "huge_pages": _huge_pages(),
        "gflops": {str(n): round(peak(native.best_isa(), n) / 1e9) for n in (1, torch.get_num_threads())},
        "versions": {name: version(name) for name in ("peerspec", "torch", "numpy", "PEER-pytorch", *packages)},
        "python": platform.python_version(),
    }


def _huge_pages() -> str:
    """The setting of the system, such as "madvise"."""
    path = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return path.read_text().partition("[")[2].partition("]")[0] if path.exists() else "unknown"


def machines(folder: Path) -> list[Path]:
    """The folder of each machine that was measured."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _of_this(about: dict[str, Any]) -> str:
    """A name for a folder, from what two machines differ in."""
    facts = (about["processor"], about["instructions"], f"{about['threads']} of {about['processors']}")
    return re.sub("[^a-z0-9]+", "-", " ".join(facts).lower()).strip("-")


def read(folder: Path, part: str) -> dict[str, Any]:
    """The figures of a part; no rows if there is no file."""
    path = folder / f"{part}.json"
    return json.loads(path.read_text()) if path.exists() else {"machine": {}, "rows": []}


def write(folder: Path, part: str, rows: Iterable[Row], about: dict[str, Any]) -> None:
    """Write rows to the folder of this machine; they replace older rows of the same point and variant."""
    folder = folder / _of_this(about)
    new = [{key: _short(value) for key, value in row.items()} for row in rows]
    taken = {_identity(row) for row in new}
    others = [row for row in read(folder, part)["rows"] if _identity(row) not in taken]
    content = {"machine": about, "rows": sorted(others + new, key=lambda row: [row.get(key, 0) for key in KEYS])}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}.json"
    lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in content["rows"])
    text = json.dumps(about, indent=1, ensure_ascii=False)
    path.with_suffix(".new").write_text(f'{{\n"machine": {text},\n"rows": [\n{lines}\n]\n}}\n')
    path.with_suffix(".new").replace(path)


def show(part: str, rows: Iterable[Row]) -> None:
    """Print one line for each variant."""
    for row in rows:
        point = " ".join(f"{key}={row[key]}" for key in KEYS if key in row)
        figures = {key: row[key] for key in SHOWN if key in row}
        text = "  ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in figures.items()
        )
        print(f"{part:13}{point:28}{row['variant']:50}{text}", flush=True)


def _identity(row: Row) -> tuple[object, ...]:
    return (*(row.get(key) for key in KEYS), row["variant"])


def _short(value: object) -> object:
    """Four digits, because more would be noise."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
