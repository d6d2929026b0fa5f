"""The manifest of a folder of vectors: files with their hashes, and the recipe of every tensor in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError

from peerspec.conformance.inputs import dyadic
from peerspec.files.tensors import parse_tensors
from peerspec.reference import DTYPES, SPEC_VERSION, PeerError

__all__ = ["HOME", "MANIFEST", "Entry", "Recipe", "VectorError", "read_manifest"]

Array = NDArray[Any]

HOME = Path(__file__).parent / "data"
"""The vectors that come with the package."""
MANIFEST = "manifest.json"
_SIZE_LIMIT = 1 << 20
"""Bytes of all vectors together; they are meant to be read, copied and looked at."""


class VectorError(PeerError):
    """Vectors that are not what their manifest and SPEC.md say."""


@dataclass(frozen=True)
class Recipe:
    """How one tensor is made (INP-2)."""

    seed: int
    name: str
    bits: int
    exponent: int
    shape: tuple[int, ...]
    dtype: str

    def make(self) -> Array:
        """The tensor."""
        return dyadic(
            seed=self.seed,
            name=self.name,
            shape=self.shape,
            bits=self.bits,
            exponent=self.exponent,
            dtype=DTYPES[self.dtype],
        )


@dataclass(frozen=True)
class Entry:
    """One file: its hash, the recipes of its inputs, the names of its results, and what else its kind needs."""

    path: Path
    sha256: str
    recipes: dict[str, Recipe]
    expected: tuple[str, ...]
    config: dict[str, Any] | None
    k: int | None

    @property
    def exact(self) -> bool:
        """Whether nothing rounds up to scores and inner products: all inputs have at most 4 bits (section 9.2)."""
        return all(recipe.bits <= 4 for recipe in self.recipes.values())

    def read(self) -> dict[str, Array]:
        """Its tensors, after their hash was found right.

        Raises:
            VectorError: missing, changed, unreadable, or with other tensors than the manifest says.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise VectorError(f"{self.path} cannot be read: {error.strerror}") from None
        if sha256(data).hexdigest() != self.sha256:
            raise VectorError(f"{self.path} is not the file of the manifest: its SHA-256 differs; fetch it again")
        try:
            tensors = parse_tensors(data)
        except (SafetensorError, KeyError, ValueError) as error:
            raise VectorError(f"{self.path} cannot be read as safetensors: {error}") from None
        if set(tensors) != {*self.recipes, *self.expected}:
            raise VectorError(f"{self.path} and the manifest name different tensors")
        return tensors


def read_manifest(folder: Path) -> tuple[list[dict[str, Any]], list[Entry]]:
    """The words and the files.

    Raises:
        VectorError: no manifest, another version, fields that are wrong, files that no one names.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise VectorError(f"{path} cannot be read: {reason}; name a folder of vectors") from None
    try:
        manifest = json.loads(text)
        spec, words = manifest["spec"], list(manifest["words"])
        entries = [_entry(folder, name, entry) for name, entry in manifest["files"].items()]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise VectorError(f"{path} is not a manifest of vectors: {type(error).__name__}: {error}") from None
    if spec != SPEC_VERSION:
        raise VectorError(f"{path} is for spec {spec}, this package is {SPEC_VERSION}; use the matching ones")
    if strays := sorted({file.name for file in folder.iterdir()} - {MANIFEST, *manifest["files"]}):
        raise VectorError(f"{folder / strays[0]} is not in the manifest; remove it")
    if sum(file.stat().st_size for file in folder.iterdir()) > _SIZE_LIMIT:
        raise VectorError(f"the vectors in {folder} are larger than {_SIZE_LIMIT} bytes together")
    return words, entries


def _entry(folder: Path, name: str, entry: dict[str, Any]) -> Entry:
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not a plain file name")
    results, k = list(entry.get("expected", ())), entry.get("k")
    if not all(isinstance(result, str) for result in results) or type(k) not in (int, type(None)):
        raise TypeError(f"{name} must name its results, and its k must be a whole number")
    if bool(results) != (k is not None or entry.get("config") is not None):
        raise ValueError(f"{name} must have results and what to judge them by, a config or a k, or neither")
    recipes = {key: Recipe(**value | {"shape": tuple(value["shape"])}) for key, value in entry["tensors"].items()}
    return Entry(folder / name, entry["sha256"], recipes, tuple(results), entry.get("config"), k)
