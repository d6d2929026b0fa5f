"""The pages of the site: the name of each page, and the file of the repository that it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["PAGES", "ROOT", "stage"]

ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_TOP = {
    "spec": "SPEC.md",
    "spec-onnx": "SPEC-ONNX.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
    "examples": "examples/README.md",
    "measurements-cpu": "benchmarks/results/cpu/README.md",
    "measurements-ort": "benchmarks/results/ort/README.md",
}
_PICTURES = ("docs/figures", "benchmarks/results")


def _found() -> dict[str, Path]:
    """Pages by name: those of the table, every Markdown file in docs, and those that only the site needs."""
    docs = {path.stem: path for path in sorted((ROOT / "docs").glob("*.md"))}
    own = {path.relative_to(_HERE).with_suffix("").as_posix(): path for path in sorted(_HERE.rglob("*.md"))}
    return {name: ROOT / path for name, path in _TOP.items()} | docs | own


PAGES = _found()


def stage(folder: Path) -> None:
    """Link every page and every folder of pictures into ``folder``, which Sphinx reads; remove what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, path in PAGES.items():
        _link(folder / f"{name}.md", path)
    for path in filter(Path.is_dir, (ROOT / name for name in _PICTURES)):
        _link(folder / path.relative_to(ROOT), path)


def _link(at: Path, target: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(target)
