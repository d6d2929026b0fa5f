"""An input of the attack: the bytes of a small file, which zeros without blocks on the disk may follow."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Input", "corpus"]

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Input:
    """The content of a file.

    Attributes:
        data: its first bytes.
        size: its length; zeros follow ``data``.
    """

    data: bytes
    size: int = 0

    @classmethod
    def of(cls, path: Path) -> Input:
        """The input in a file of the corpus; ``name+1000.suffix`` is a file of 1000 bytes."""
        found = re.search(r"\+(\d+)$", path.stem)
        return cls(path.read_bytes(), int(found[1]) if found else 0)

    def name(self, stem: str) -> str:
        """The name of the file in the corpus, without its suffix."""
        return f"{stem}+{self.size}" if self.size > len(self.data) else stem

    def write(self, path: Path) -> None:
        path.write_bytes(self.data)
        if self.size > len(self.data):
            os.truncate(path, self.size)

    def is_in(self, path: Path) -> bool:
        """Whether the file still holds it."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size != max(self.size, len(self.data)):
            return False
        with path.open("rb") as file:
            return file.read(len(self.data)) == self.data


def corpus(target: str) -> list[Path]:
    """The inputs of a target that found something once."""
    return sorted((CORPUS / target).glob("*"))
