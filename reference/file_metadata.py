"""What the metadata of a safetensors file say of its layers (PAR-6, PAR-7, PAR-8)."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from peerspec.files.shown import shown
from peerspec.files.strict_json import is_unicode, parse_json
from peerspec.reference.config import PeerConfig
from peerspec.reference.errors import ConfigError, FileFormError
from peerspec.reference.version import OLD_VERSION, SPEC_VERSION, is_readable_version

__all__ = ["configs_of", "layer_metadata", "layers_metadata", "names_under", "wrong_prefix"]

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
        FileFormError: there is no layer, a prefix is empty, no Unicode or lies under another one, or a type is wrong.

    Example:
        >>> config = PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
        >>> sorted(layers_metadata({"blocks.3.ffn": config}))
        ['peerspec.layers', 'peerspec.spec']

        Pass them to any writer of safetensors, for instance ``safetensors.numpy.save_file(tensors, path, metadata)``.
    """
    if problem := _wrong_type(layers) or wrong_prefix(layers):
        raise FileFormError(f"a file of several layers cannot be described: {problem} (PAR-8)")
    return {_SPEC: SPEC_VERSION, _LAYERS: json.dumps({prefix: asdict(config) for prefix, config in layers.items()})}


def _wrong_type(layers: object) -> str:
    """What is wrong with an argument of any type; empty if nothing is."""
    if not isinstance(layers, Mapping):
        return f"layers must map prefixes to configurations, got {shown(layers)}"
    for prefix, config in layers.items():
        if not isinstance(prefix, str) or not isinstance(config, PeerConfig):
            return f"layers must map each prefix, a str, to a PeerConfig, got {shown(prefix)}: {shown(config)}"
    return ""


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
            f"{source} has {shown(unknown[0])} in its metadata, which spec {SPEC_VERSION} does not know; "
            "install a newer peerspec (PAR-7)"
        )
    if not is_readable_version(metadata[_SPEC]):
        raise FileFormError(
            f"{source} was written for spec {shown(metadata[_SPEC])}, this package reads 0.9 and 1.0-rc to "
            f"{SPEC_VERSION.split('.')[0]}.x; install a matching peerspec (PAR-7)"
        )
    if metadata[_SPEC] == OLD_VERSION and _LAYERS in metadata:
        raise FileFormError(
            f"{source} was written for spec {OLD_VERSION}, whose files hold one layer, but has {_LAYERS}; "
            f"write it again for spec {SPEC_VERSION} (PAR-7)"
        )


def _layers(text: str) -> dict[str, PeerConfig]:
    try:
        values = parse_json(text)
    except json.JSONDecodeError as error:
        raise FileFormError(f"{_LAYERS} must be a JSON object, got {shown(text)} ({error}) (PAR-8)") from None
    except ValueError as error:
        raise FileFormError(f"{_LAYERS} cannot be read: {error} (PAR-8)") from None
    if not isinstance(values, dict):
        raise FileFormError(f"{_LAYERS} must be a JSON object, got {shown(text)} (PAR-8)")
    if problem := wrong_prefix(values):
        raise FileFormError(f"{problem} (PAR-8)")
    return {prefix: _config(prefix, fields) for prefix, fields in values.items()}


def _config(prefix: str, fields: object) -> PeerConfig:
    try:
        return PeerConfig.from_fields(fields)
    except ConfigError as error:
        raise ConfigError(f"the layer {shown(prefix)}: {error}") from None


def wrong_prefix(prefixes: Collection[str]) -> str:
    """What is wrong with the prefixes; empty if nothing is."""
    if not prefixes:
        return "there is no layer; name at least one prefix"
    if "" in prefixes:
        return "a prefix is empty; save a single layer with Layer.save, or give each layer a prefix"
    ordered = sorted(prefixes)
    for prefix in ordered:
        if not is_unicode(prefix):
            return f"the prefix {shown(prefix)} holds half of a surrogate pair, which is no Unicode text"
        if under := names_under(prefix, ordered):
            return f"the prefix {shown(under[0])} lies under the prefix {shown(prefix)}; no layer lies within another"
    return ""


def names_under(prefix: str, ordered: Sequence[str]) -> Sequence[str]:
    """Those of the ordered names that begin with the prefix and a dot."""
    first = bisect_left(ordered, f"{prefix}.")
    return ordered[first : bisect_left(ordered, f"{prefix}/", first)]  # a slash comes right after a dot
