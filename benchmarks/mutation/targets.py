"""What is mutated: the tiled variant, and the reference as a backend. A mutant is a folder with copies of all files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copy

from mutant import Mutant, mutants_of

__all__ = ["TARGETS", "Target", "all_mutants"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STAGES = (
    "query",
    "query_norm",
    "half_scores",
    "selection",
    "gates",
    "experts",
    "rows",
    "activations",
    "forward",
    "gradients",
)


@dataclass(frozen=True)
class Target:
    """An implementation that is mutated.

    Attributes:
        name: its name in results.
        files: its sources by their names in a mutant's folder.
        backend: the file that is the backend; it is not mutated.
        skipped: names that stay as they are: lengths of tiles and the number of kept parameters are free choices.
    """

    name: str
    files: dict[str, Path]
    backend: str
    skipped: frozenset[str] = frozenset()

    def mutants(self) -> Iterator[Mutant]:
        """All mutants, in the order of files and lines."""
        for file, path in self.files.items():
            yield from mutants_of(self.name, file, adapted(path), self.skipped)

    def texts(self, mutant: Mutant) -> dict[str, str]:
        """The sources by file, one of them changed."""
        return {file: adapted(path) for file, path in self.files.items()} | {mutant.file: mutant.source}

    def write(self, folder: Path, mutant: Mutant) -> Path:
        """Write the sources, one of them changed; the path is that of the backend."""
        for file, text in self.texts(mutant).items():
            (folder / file).write_text(text, "utf-8")
        for path in (HERE / "narrow.py", *HERE.glob("mutated_*.py")):
            copy(path, folder / path.name)
        return folder / self.backend


@cache
def adapted(path: Path) -> str:
    """The source; a stage of the reference imports the stages beside it, and everything else as it is installed."""
    text = path.read_text("utf-8")
    for stage in STAGES if path.parent.name == "reference" else ():
        text = text.replace(f"peerspec.reference.{stage} import", f"stage_{stage} import")
    return text


TARGETS = {
    target.name: target
    for target in (
        Target(
            "tiled",
            {path.name: path for path in sorted((ROOT / "tests" / "variants").glob("*tiled*.py"))},
            "tiled.py",
            frozenset({"TOKENS", "SUB_KEYS", "LANES", "KEPT"}),
        ),
        Target(
            "reference",
            {f"stage_{stage}.py": ROOT / "reference" / f"{stage}.py" for stage in STAGES},
            "mutated_reference.py",
        ),
    )
}


def all_mutants() -> list[Mutant]:
    """The mutants of all targets, always in one order."""
    return [mutant for target in TARGETS.values() for mutant in target.mutants()]
