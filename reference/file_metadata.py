"""What the metadata of a safetensors file say of its layers (PAR-6, PAR-7, PAR-8)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict

from peerspec.files.strict_json import parse_json
from peerspec.reference.config import PeerConfig
from peerspec.reference.errors import ConfigError, FileFormError
from peerspec.reference.version import SPEC_VERSION, is_readable_version

__all__ = ["configs_of", "layer_metadata", "layers_metadata"]

_SPEC, _CONFIG, _LAYERS = _KNOWN = "peerspec.spec", "peerspec.config", "peerspec.layers"


def layer_metadata(config: PeerConfig) -> dict[str, str]:
    """The metadata of a layer file (PAR-6)."""
    return {_SPEC: SPEC_VERSION, _CONFIG: config.to_json()}


def layers_metadata(layers: Mapping[str, PeerConfig]) -> dict[str, str]:
    """The metadata of a safetensors file that holds layers among other tensors (PAR-8).

    Args:
        layers: the configuration of each layer by its prefix. The file must hold the parameters of the layer ``p`` as
            ``p.query.weight``, ``p.keys`` and so on; ``Layer.load(path, prefix=p)`` reads it.

    Raises:
        FileFormError: there is no layer, or a prefix is empty or lies under another one.

    Example:
        >>> config = PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
        >>> sorted(layers_metadata({"blocks.3.ffn": config}))
        ['peerspec.layers', 'peerspec.spec']

        Pass them to any writer of safetensors, for instance ``safetensors.numpy.save_file(tensors, path, metadata)``.
    """
    if problem := _wrong_prefix(layers):
        raise FileFormError(f"a file of several layers cannot be described: {problem} (PAR-8)")
    return {_SPEC: SPEC_VERSION, _LAYERS: json.dumps({prefix: asdict(config) for prefix, config in layers.items()})}


def configs_of(metadata: Mapping[str, str], source: object) -> dict[str, PeerConfig]:
    """The configuration of each layer by its prefix; the prefix is empty in a layer file.

    Args:
        metadata: the metadata of a safetensors file.
        source: the name of the file in errors.

    Raises:
        FileFormError: the metadata describe no layer, both forms at once, or wrong prefixes, or are of another version.
        ConfigError: a configuration outside CFG-1 … CFG-5, or a field that is missing, unknown or given twice.
    """
    _check_form(metadata, source)
    try:
        if _CONFIG in metadata:
            return {"": PeerConfig.from_json(metadata[_CONFIG])}
        return _layers(metadata[_LAYERS])
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except FileFormError as error:
        raise FileFormError(f"{source}: {error}") from None


def _check_form(metadata: Mapping[str, str], source: object) -> None:
    if _SPEC not in metadata or not {_CONFIG, _LAYERS} & metadata.keys():
        raise FileFormError(
            f"{source} is a safetensors file without a peerspec configuration in its metadata; "
            "build a Layer(config, params) from its tensors and save that (PAR-6)"
        )
    if {_CONFIG, _LAYERS} <= metadata.keys():
        raise FileFormError(
            f"{source} has {_CONFIG} of one layer and {_LAYERS} of several in its metadata; keep the one that holds "
            "(PAR-8)"
        )
    if unknown := sorted(name for name in metadata if name.startswith("peerspec.") and name not in _KNOWN):
        raise FileFormError(
            f"{source} has {unknown[0][:60]!r} in its metadata, which spec {SPEC_VERSION} does not know; "
            "install a newer peerspec (PAR-7)"
        )
    if not is_readable_version(metadata[_SPEC]):
        raise FileFormError(
            f"{source} was written for spec {metadata[_SPEC][:40]!r}, this package reads 0.9 and 1.0-rc to "
            f"{SPEC_VERSION.split('.')[0]}.x; install a matching peerspec (PAR-7)"
        )


def _layers(text: str) -> dict[str, PeerConfig]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise FileFormError(f"{_LAYERS} must be a JSON object, got {text[:60]!r} ({error}) (PAR-8)") from None
    if not isinstance(values, dict):
        raise FileFormError(f"{_LAYERS} must be a JSON object, got {text[:60]!r} (PAR-8)")
    if problem := _wrong_prefix(values):
        raise FileFormError(f"{problem} (PAR-8)")
    return {prefix: _config(prefix, fields) for prefix, fields in values.items()}


def _config(prefix: str, fields: object) -> PeerConfig:
    try:
        return PeerConfig.from_fields(fields)
    except ConfigError as error:
        raise ConfigError(f"the layer {prefix!r}: {error}") from None


def _wrong_prefix(prefixes: Collection[str]) -> str:
    """What is wrong with the prefixes; empty if nothing is."""
    if not prefixes:
        return "there is no layer; name at least one prefix"
    if "" in prefixes:
        return "a prefix is empty; save a single layer with Layer.save, or give each layer a prefix"
    known = set(prefixes)
    for prefix in sorted(known):
        parts = prefix.split(".")
        if outer := next((o for end in range(1, len(parts)) if (o := ".".join(parts[:end])) in known), None):
            return f"the prefix {prefix!r} lies under the prefix {outer!r}; no layer lies within another"
    return ""
