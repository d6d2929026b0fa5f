"""A picture as a file."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from peerspec.files.atomic_file import write_atomically
from peerspec.files.shown import shown
from peerspec.reference import InputError

__all__ = ["image", "save"]

FORMATS = {".svg": "svg", ".png": "png"}
DOTS_PER_INCH = 160


def save(figure: Figure, path: Path, *, overwrite: bool = False) -> None:
    """Write a picture, whole or not at all; the same figures give the same file.

    Args:
        figure: the picture.
        path: ends with ``.svg`` or ``.png``.
        overwrite: whether an existing file is replaced.

    Raises:
        InputError: another ending.
        OSError: the file cannot be written, or exists.

    Example:
        >>> from peerspec.plots import LayerUsage, usage_histogram
        >>> import numpy as np
        >>> save(usage_histogram(LayerUsage(np.ones(4, int), np.ones(4))), Path("usage.svg"))
        >>> Path("usage.svg").read_text()[:5]
        '<?xml'
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"a picture is a file that ends with {' or '.join(FORMATS)}, got {shown(path.name)}")
    write_atomically(path, image(figure, kind), overwrite=overwrite)


def image(figure: Figure, kind: str) -> bytes:
    """The bytes of a picture without a date."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "peerspec"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()
