"""Files of adapters: safetensors by parameter name, and in the metadata what they belong to.

SPEC.md defines no such file. It has the tensors of ADP-1 under the prefix of each adapter, and three metadata:
``peerspec.spec``, the version; ``peerspec.adapters``, a JSON object that gives for each prefix the ``config`` of the
adapter and the ``places`` of its targets, names of linear maps; and ``peerspec.base``, the SHA-256 of their weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from peerspec.files.header import Header
from peerspec.files.shown import shown
from peerspec.files.strict_json import parse_json
from peerspec.reference.adapter import Adapter, AdapterConfig
from peerspec.reference.errors import ConfigError, FileFormError, TableError
from peerspec.reference.file_metadata import names_under, wrong_prefix
from peerspec.reference.storage import check_codes, header_of, naming, opened, views, write_tensors
from peerspec.reference.version import OLD_VERSION, SPEC_VERSION, is_readable_version

__all__ = ["AdapterFile", "PlacedAdapter", "read_adapters", "write_adapters"]

_SPEC, _ADAPTERS, _BASE = _KNOWN = "peerspec.spec", "peerspec.adapters", "peerspec.base"
_WANTED = "a complete file written by save_adapters"
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


class PlacedAdapter(NamedTuple):
    """An adapter, and the name of a linear map for each of its targets."""

    adapter: Adapter
    places: Mapping[str, str]


class AdapterFile(NamedTuple):
    """What a file holds: adapters by prefix, and the hash of the base, ``sha256:`` and 64 hexadecimal digits."""

    adapters: Mapping[str, PlacedAdapter]
    base: str


def write_adapters(file: AdapterFile, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a file of adapters, whole or not at all.

    Raises:
        FileFormError: the path exists and ``overwrite`` is false, or cannot be written; or prefixes, places or the hash
            are none.

    Example:
        >>> config = AdapterConfig(8, heads=2, num_experts=16, top_k=4, d_key=4, targets={"q": 6})
        >>> placed = PlacedAdapter(Adapter.random(config), {"q": "layers.0.q_proj"})
        >>> write_adapters(AdapterFile({"a": placed}, "sha256:" + 64 * "0"), "adapters.safetensors")
        >>> list(read_adapters("adapters.safetensors").adapters)
        ['a']
    """
    described = {
        prefix: {"config": each.adapter.config.to_fields(), "places": dict(each.places)}
        for prefix, each in file.adapters.items()
    }
    metadata = {_SPEC: SPEC_VERSION, _ADAPTERS: json.dumps(described), _BASE: file.base}
    _configs(metadata)  # what cannot be read is not written
    tensors = {
        f"{prefix}.{name}": array
        for prefix, each in file.adapters.items()
        for name, array in each.adapter.params.items()
    }
    write_tensors(tensors, metadata, path, overwrite=overwrite)


def read_adapters(path: str | PathLike[str]) -> AdapterFile:
    """The adapters of a file; tables are memory-mapped and read-only.

    Raises:
        FileFormError: the file is missing, unreadable, corrupted, of another version, or describes no adapters.
        ConfigError, TableError: a configuration or a parameter is outside ADP-1.
    """
    with opened(Path(path), _WANTED) as stream:
        header = header_of(stream, path, _WANTED)
        try:
            configs = _configs(header.metadata)
        except (ConfigError, FileFormError) as error:
            raise type(error)(f"{path}: {error}") from None
        _check_tensors(header, configs, path)
        arrays = views(stream, path, header.tensors)
    found = {}
    for prefix, (config, places) in configs.items():
        own = {name: arrays[f"{prefix}.{name}"] for name in config.shapes()}
        with naming(path, prefix, "adapter"):
            found[prefix] = PlacedAdapter(Adapter(config, own), places)
    return AdapterFile(found, header.metadata[_BASE])


def _configs(metadata: Mapping[str, str]) -> dict[str, tuple[AdapterConfig, dict[str, str]]]:
    """The configuration and the places of each adapter by prefix."""
    if missing := [name for name in _KNOWN if name not in metadata]:
        raise FileFormError(f"its metadata lack {missing[0]}, so it is no file of adapters; pass {_WANTED}")
    if unknown := sorted(name for name in metadata if name.startswith("peerspec.") and name not in _KNOWN):
        raise FileFormError(
            f"its metadata have {shown(unknown[0])}, which spec {SPEC_VERSION} does not know; install a newer peerspec"
        )
    if metadata[_SPEC] == OLD_VERSION or not is_readable_version(metadata[_SPEC]):
        raise FileFormError(
            f"it was written for spec {shown(metadata[_SPEC])}, this package reads 1.0-rc to "
            f"{SPEC_VERSION.split('.')[0]}.x; install a matching peerspec"
        )
    if not _SHA256.fullmatch(metadata[_BASE]):
        raise FileFormError(f"{_BASE} must be sha256: and 64 hexadecimal digits, got {shown(metadata[_BASE])}")
    try:
        values = parse_json(metadata[_ADAPTERS])
    except ValueError as error:
        raise FileFormError(f"{_ADAPTERS} cannot be read: {error}; pass {_WANTED}") from None
    if not isinstance(values, dict) or not values:
        raise FileFormError(
            f"{_ADAPTERS} must be a JSON object with an entry for each adapter, got {shown(values)}; pass {_WANTED}"
        )
    if problem := wrong_prefix(values):
        raise FileFormError(problem)
    found = {prefix: _described(prefix, entry) for prefix, entry in values.items()}
    places = [place for _, each in found.values() for place in each.values()]
    if twice := sorted({place for place in places if places.count(place) > 1}):
        raise FileFormError(f"the linear map {shown(twice[0])} has two adapters; keep one")
    return found


def _described(prefix: str, entry: Any) -> tuple[AdapterConfig, dict[str, str]]:
    if not isinstance(entry, dict) or entry.keys() != {"config", "places"}:
        raise FileFormError(f"the adapter {shown(prefix)} must have a config and places, got {shown(entry)}")
    try:
        config = AdapterConfig.from_fields(entry["config"])
    except ConfigError as error:
        raise ConfigError(f"the adapter {shown(prefix)}: {error}") from None
    places = entry["places"]
    if (
        not isinstance(places, dict)
        or places.keys() != config.targets.keys()
        or not all(isinstance(place, str) and place for place in places.values())
    ):
        raise FileFormError(
            f"the places of the adapter {shown(prefix)} must be a name for each of its targets, got {shown(places)}"
        )
    return config, places


def _check_tensors(
    header: Header, configs: Mapping[str, tuple[AdapterConfig, dict[str, str]]], path: str | PathLike[str]
) -> None:
    """Check names, shapes and dtypes before anything is read."""
    known = set()
    for prefix, (config, _) in configs.items():
        names = names_under(prefix, header.names)
        entries = {name.removeprefix(f"{prefix}."): header.tensors[name] for name in names}
        with naming(path, prefix, "adapter"):
            check_codes(entries)
            shapes = config.shapes()
            if wrong := sorted(entries.keys() ^ shapes.keys()):
                raise TableError(
                    f"an adapter has the parameters {', '.join(shapes)}; {shown(wrong[0])} is wrong (ADP-1)"
                )
            for name, shape in shapes.items():
                if entries[name].shape != shape:
                    raise TableError(f"{name} must have the shape {shape}, got {shown(entries[name].shape)} (ADP-1)")
        known |= set(names)
    if unknown := sorted(header.tensors.keys() - known):
        raise FileFormError(f"{path}: the tensor {shown(unknown[0])} belongs to no adapter; pass {_WANTED}")
