"""What is mutated: the tiled variant, and the reference as a backend. A mutant is a folder with copies of all files.

The stages of a layer, and chapters 12, 14 and 15, are two targets: the second takes the layer as it is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
CHAPTERS = {
    "growth": ("growth",),
    "adapter": ("adapter",),
    "adapter_gradients": ("adapter",),
    "comparison.blocks": ("dense", "token-choice", "expert-choice"),
    "comparison.router": ("token-choice", "expert-choice"),
    "comparison.dense": ("dense",),
    "comparison.token_choice": ("token-choice",),
    "comparison.expert_choice": ("expert-choice",),
    "comparison.pkm": ("pkm",),
}
"""The checks that ask for each module of chapters 12, 14 and 15: no other check can find a change of it.

Chapter 13 has no module here: it leaves the optimiser open, so most changes of one are legal.
"""


@dataclass(frozen=True)
class Target:
    """An implementation that is mutated.

    Attributes:
        name: its name in results.
        files: its sources by their names in a mutant's folder.
        backend: the file that is the backend; it is not mutated.
        skipped: names that stay as they are, such as lengths of tiles and other free choices.
        checks: the checks that can find a change of a file, by its name; all checks unless given.
    """

    name: str
    files: dict[str, Path]
    backend: str
    skipped: frozenset[str] = frozenset()
    checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
    """The source; a module of the reference imports those of its target beside it, and all others as installed."""
    text = path.read_text("utf-8")
    for files in (STAGE_FILES, CHAPTER_FILES):
        for file in files if path in files.values() else ():
            module = ".".join(files[file].relative_to(ROOT).with_suffix("").parts)
            text = text.replace(f"peerspec.{module} import", f"{Path(file).stem} import")
    return text


STAGE_FILES = {f"stage_{stage}.py": ROOT / "reference" / f"{stage}.py" for stage in STAGES}
CHAPTER_NAMES = {part: f"chapter_{part.rpartition('.')[2]}.py" for part in CHAPTERS}
CHAPTER_FILES = {file: ROOT / "reference" / f"{part.replace('.', '/')}.py" for part, file in CHAPTER_NAMES.items()}
CHAPTER_CHECKS = {file: CHAPTERS[part] for part, file in CHAPTER_NAMES.items()}
DATA = frozenset(
    {
        "AdapterConfig",
        "Adapter",
        "Base",
        "AdapterOutput",
        "_check_bases",
        "_require_choice",
        "grown_config",
        "grown_ids",
    }
)
"""Data that the suite makes itself, refusals of arguments that it never passes, and what a backend is not asked for."""


TARGETS = {
    target.name: target
    for target in (
        Target(
            "tiled",
            {path.name: path for path in sorted((ROOT / "tests" / "variants").glob("*tiled*.py"))},
            "tiled.py",
            frozenset({"TOKENS", "SUB_KEYS", "LANES", "KEPT"}),
        ),
        Target("reference", STAGE_FILES, "mutated_reference.py"),
        Target("chapters", CHAPTER_FILES, "mutated_chapters.py", DATA, CHAPTER_CHECKS),
    )
}


def all_mutants() -> list[Mutant]:
    """The mutants of all targets, always in one order."""
    return [mutant for target in TARGETS.values() for mutant in target.mutants()]
