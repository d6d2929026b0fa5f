"""A folder of a program that cannot be trusted is removed, whatever the program left in it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

__all__ = ["remove_folder"]


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it; a link or a file in its place is removed and not followed.

    Folders of any depth are removed, because each one first moves to the top, and folders without the right to write
    or to read get it. Nothing is raised: what the system does not let go, such as a mount, stays.
    """
    if folder.is_symlink() or not folder.is_dir():
        with suppress(OSError):
            folder.unlink(missing_ok=True)
        return
    waiting = [folder]
    while waiting:
        waiting += _emptied(waiting.pop(), folder)
    with suppress(OSError):
        folder.rmdir()


def _emptied(part: Path, top: Path) -> list[Path]:
    """Remove a folder without its subfolders, which get new names in ``top`` and are returned."""
    moved: list[Path] = []
    with suppress(OSError):
        part.chmod(0o700)
        with os.scandir(part) as entries:
            found = list(entries)  # before anything moves to the folder that is listed
        for entry in found:
            with suppress(OSError):
                moved += _removed(entry, top)
        if part != top:
            part.rmdir()
    return moved


def _removed(entry: os.DirEntry[str], top: Path) -> list[Path]:
    """Remove a file or a link; move a folder to ``top`` and return its new path."""
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)
        return []
    os.chmod(entry.path, 0o700)  # a folder moves only if it may be written
    name = top / token_hex(16)
    os.rename(entry.path, name)
    return [name]
