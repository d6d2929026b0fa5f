"""The manifest of a folder of vectors: words of the generator, and the files with their hashes and inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerspec.conformance.vectors.dyadic_tensor import DyadicTensor
from peerspec.conformance.vectors.entry import SIZE_LIMIT, Entry, VectorError
from peerspec.files.limited import read_limited
from peerspec.files.strict_json import parse_json
from peerspec.reference import SPEC_VERSION

__all__ = ["FILES", "HOME", "MANIFEST", "read_manifest"]

HOME = Path(__file__).parent / "data"
"""The vectors of the package."""
FILES = Path(__file__).parent / "files"
"""Its layer files for readers; ``file_cases`` writes them."""
MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> tuple[list[dict[str, Any]], list[Entry]]:
    """The words and the files.

    Raises:
        VectorError: no manifest, another version of the spec, wrong fields, or a file that the manifest does not name.
    """
    path = folder / MANIFEST
    try:
        manifest = parse_json(_text(path))
        spec, words = manifest["spec"], list(manifest["words"])
        entries = [_entry(folder, name, entry) for name, entry in manifest["files"].items()]
    except VectorError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VectorError(f"{path} is not a manifest of vectors: {_wrong(error)}") from None
    if spec != SPEC_VERSION:
        raise VectorError(f"{path} is for spec {spec}, this package is {SPEC_VERSION}; use the matching ones")
    _check_files(folder, manifest["files"])
    return words, entries


def _wrong(error: Exception) -> str:
    """What is wrong with a manifest, in words of JSON."""
    if isinstance(error, KeyError):
        return f"the field {error} is missing"
    if isinstance(error, ValueError):
        return f"{error}"
    return "a field has another type or another name than those of the package's manifest, which `vectors path` shows"


def _text(path: Path) -> str:
    try:
        return read_limited(path, SIZE_LIMIT).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or ("not UTF-8" if isinstance(error, UnicodeError) else error)
        raise VectorError(f"{path} cannot be read: {reason}; name a folder of vectors") from None


def _check_files(folder: Path, named: dict[str, Any]) -> None:
    if unnamed := sorted({file.name for file in folder.iterdir()} - {MANIFEST, *named}):
        raise VectorError(f"{folder / unnamed[0]} is not in the manifest; remove it")
    if (size := sum(file.stat().st_size for file in folder.iterdir())) > SIZE_LIMIT:
        raise VectorError(f"the files in {folder} must have at most {SIZE_LIMIT} bytes together, got {size}")


def _entry(folder: Path, name: str, entry: dict[str, Any]) -> Entry:
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not a plain file name")
    results, k = list(entry.get("expected", ())), entry.get("k")
    if not all(isinstance(result, str) for result in results) or type(k) not in (int, type(None)):
        raise ValueError(f"{name} must name its results, and its k must be an integer")
    if bool(results) != (k is not None or entry.get("config") is not None):
        raise ValueError(f"{name} must have results and either a config or a k to check them with, or none of these")
    inputs = {key: DyadicTensor(**value | {"shape": tuple(value["shape"])}) for key, value in entry["tensors"].items()}
    return Entry(folder / name, entry["sha256"], inputs, tuple(results), entry.get("config"), k)
