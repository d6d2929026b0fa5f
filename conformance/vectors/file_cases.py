"""Layer files for readers in any language: each must be accepted or refused (PAR-1, PAR-3, PAR-5 to PAR-9).

``python -m peerspec.conformance.vectors.file_cases`` writes them, and ``files.json``, which says what a reader must do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.maintenance import run_with_paths
from peerspec.conformance.vectors.manifest import FILES
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.reference import DTYPES, SPEC_VERSION, PeerConfig, parameter_dtype

__all__ = ["FileCase", "file_cases", "write_files"]

_CODES = {dtype: code for code, dtype in DTYPE_OF_CODE.items()}
_CONFIG = PeerConfig(3, 2, 4, 2, 2, d_out=5, query_bias=True, key_heads=2, expert="glu", query_norm="batch")
_PLAIN = PeerConfig(3, 1, 4, 2, 2, activation="relu")
_MAJOR = SPEC_VERSION.split(".")[0]


@dataclass(frozen=True)
class FileCase:
    """One file.

    Attributes:
        name: its name, without the ending.
        clauses: what it shows.
        about: what is special in it.
        data: its bytes.
        layers: what a reader must find: the layers by prefix, each with its configuration and the dtypes that its
            parameters have after reading; None if every reader must refuse the file.
    """

    name: str
    clauses: tuple[str, ...]
    about: str
    data: bytes
    layers: Mapping[str, Any] | None = None

    def entry(self) -> dict[str, Any]:
        """What ``files.json`` says of it."""
        outcome = "refuse" if self.layers is None else "accept"
        found = {} if self.layers is None else {"layers": dict(self.layers)}
        return {"clauses": list(self.clauses), "about": self.about, "outcome": outcome, **found}


def file_cases() -> tuple[FileCase, ...]:
    """Every file: first those that must be accepted."""
    return (*_accepted(), *_refused_metadata(), *_refused_tensors(), *_refused_layers())


def write_files(folder: Path) -> None:
    """Write every file and ``files.json`` into a folder."""
    folder.mkdir(exist_ok=True)
    cases = file_cases()
    for case in cases:
        (folder / f"{case.name}.safetensors").write_bytes(case.data)
    entries = {f"{case.name}.safetensors": case.entry() for case in cases}
    text = json.dumps({"spec": SPEC_VERSION, "files": entries}, indent=1, ensure_ascii=False)
    (folder / "files.json").write_text(f"{text}\n", "utf-8")


def _accepted() -> Iterator[FileCase]:
    whole, narrow = {"": _found(_CONFIG, "float32")}, {"": _found(_CONFIG, "bfloat16")}
    yield FileCase("layer", ("PAR-1", "PAR-6"), "a layer with every parameter", _layer(), whole)
    bfloat16 = _layer(dtype="bfloat16")
    yield FileCase("bfloat16", ("PAR-5",), "running statistics in float32 beside bfloat16", bfloat16, narrow)
    old = _file(_params(_CONFIG, "bfloat16", statistics="bfloat16"), _metadata(spec="0.9"))
    about = "a file of 0.9: its running statistics in bfloat16 are read as float32"
    yield FileCase("version-0.9", ("PAR-7",), about, old, narrow)
    for version in ("1.0", f"{_MAJOR}.77", f"{_MAJOR}.77-rc"):
        yield FileCase(f"version-{version}", ("PAR-7",), f"version {version}", _layer(spec=version), whole)
    layers = {"blocks.0.ffn": _found(_CONFIG, "float32"), "blocks.1": _found(_PLAIN, "bfloat16")}
    yield FileCase("several", ("PAR-8",), "two layers among other tensors", _several(_layers_metadata()), layers)


def _refused_metadata() -> Iterator[FileCase]:
    for version in ("0.8", "0.9-rc", f"{int(_MAJOR) + 1}.0", "1", "1.0.0", "01.0", "1.banana", ""):
        about = f"the version is {version!r}"
        yield FileCase(f"version-{version or 'empty'}", ("PAR-7",), about, _layer(spec=version))
    old, about = _params(_CONFIG, "bfloat16"), "a file of 0.9 whose running statistics are float32 beside bfloat16"
    yield FileCase("version-0.9-two-dtypes", ("PAR-7",), about, _file(old, _metadata(spec="0.9")))
    old_layers = _several(_layers_metadata() | {"peerspec.spec": "0.9"})
    yield FileCase("version-0.9-several", ("PAR-7",), "a file of 0.9 with peerspec.layers", old_layers)
    for key in ("peerspec.spec", "peerspec.config"):
        metadata = {name: text for name, text in _metadata().items() if name != key}
        yield FileCase(f"without-{key}", ("PAR-6",), f"{key} is missing", _file(_params(), metadata))
    newer = _file(_params(), _metadata() | {"peerspec.adapters": "{}"})
    yield FileCase("unknown-entry", ("PAR-7",), "there is a metadata entry peerspec.adapters", newer)
    fields = asdict(_CONFIG)
    less = {name: value for name, value in fields.items() if name != "gate"}
    changes = {
        "missing-field": ("PAR-6", "the field gate is missing", json.dumps(less)),
        "unknown-field": ("PAR-6", "there is a field colour", json.dumps(fields | {"colour": 1})),
        "field-twice": ("PAR-6", "the field gate is given twice", json.dumps(fields)[:-1] + ', "gate": "softmax"}'),
        "array": ("PAR-6", "the configuration is an array", json.dumps([fields])),
        "no-square": ("CFG-1", "N is 5", json.dumps(fields | {"num_experts": 5})),
        "odd-key": ("CFG-2", "d is 3", json.dumps(fields | {"d_key": 3})),
        "long-number": (
            "CFG-3",
            "k has 5000 digits",
            json.dumps(fields | {"top_k": 0}).replace(": 0", ": " + "9" * 5000),
        ),
        "large-k": ("CFG-3", "k is N + 1", json.dumps(fields | {"top_k": 5})),
        "key-heads": ("CFG-4", "there are 3 key sets for 2 heads", json.dumps(fields | {"key_heads": 3})),
        "huge": ("PAR-9", "N is 2⁴⁰, more than the file holds", json.dumps(fields | {"num_experts": 2**40})),
        "activation": ("CFG-5", "the activation is swish", json.dumps(fields | {"activation": "swish"})),
    }
    for name, (clause, about, config) in changes.items():
        yield FileCase(f"config-{name}", (clause,), about, _file(_params(), _metadata(config=config)))


def _refused_tensors() -> Iterator[FileCase]:
    params = _params()
    less = {name: array for name, array in params.items() if name != "experts.w"}
    first = next(iter(params))
    changes = {
        "missing": ("PAR-1", "experts.w is missing", less),
        "unknown": ("PAR-1", "there is a tensor bias", params | {"bias": np.zeros(3, np.float32)}),
        "shape": ("PAR-1", "keys are transposed", params | {"keys": params["keys"].swapaxes(2, 3).copy()}),
        "flat": ("PAR-1", "experts.u has one axis", params | {"experts.u": params["experts.u"].reshape(-1)}),
        "integers": ("PAR-5", "experts.u are integers", params | {"experts.u": np.zeros((4, 3), np.int32)}),
        "two-dtypes": ("PAR-5", "experts.v is float64", params | {"experts.v": np.zeros((4, 5))}),
        "narrow-statistics": ("PAR-5", "running statistics in bfloat16", _params(_CONFIG, "bfloat16", "bfloat16")),
        "nan": ("PAR-3", "keys hold a NaN", params | {"keys": _with(params["keys"], np.nan)}),
        "infinity": ("PAR-3", "experts.u hold an infinity", params | {"experts.u": _with(params["experts.u"], np.inf)}),
        "variance": ("PAR-3", "a variance is −1", params | {"query_norm.var": _with(params["query_norm.var"], -1)}),
    }
    for name, (clause, about, tensors) in changes.items():
        yield FileCase(f"tensor-{name}", (clause,), about, _file(tensors, _metadata()))
    twice = _file(params, _metadata(), repeat=first)
    yield FileCase("tensor-twice", ("PAR-6",), f"the header gives {first} twice", twice)
    twice = _file(params, _metadata(), repeat="peerspec.spec")
    yield FileCase("metadata-twice", ("PAR-6",), "the metadata give peerspec.spec twice", twice)


def _refused_layers() -> Iterator[FileCase]:
    one = json.dumps(asdict(_PLAIN))
    changes = {
        "empty": ("a prefix is empty", f'{{"": {one}}}'),
        "nested": ("a prefix lies under another", f'{{"blocks": {one}, "blocks.1": {one}}}'),
        "twice": ("a prefix is given twice", f'{{"blocks.1": {one}, "blocks.1": {one}}}'),
        "array": ("the layers are an array", f"[{one}]"),
        "surrogate": ("a prefix is half of a surrogate pair", f'{{"\\ud800": {one}}}'),
    }
    for name, (about, layers) in changes.items():
        yield FileCase(f"prefix-{name}", ("PAR-8",), about, _several(_layers_metadata(layers)))
    about = "a layer lacks its keys"
    yield FileCase("prefix-without-keys", ("PAR-8", "PAR-1"), about, _several(_layers_metadata(), omit="blocks.1.keys"))

    for prefix in ("blocks.0.ffn", "blocks.1"):
        name = f"{prefix}.bias"
        about = f"there is a tensor {name}, so every layer of the file is refused"
        yield FileCase(f"prefix-unknown-{prefix}", ("PAR-8",), about, _several(_layers_metadata(), also=name))


def _found(config: PeerConfig, dtype: str) -> dict[str, Any]:
    return {"config": asdict(config), "dtypes": {name: parameter_dtype(name, dtype).name for name in config.shapes()}}


def _params(config: PeerConfig = _CONFIG, dtype: str = "float32", statistics: str = "") -> dict[str, Array]:
    """Multiples of 1/4 from −3/4 to 3/4, exact in every dtype; variances are 1."""
    made: dict[str, Array] = {}
    for name, shape in config.shapes().items():
        values = (np.arange(np.prod(shape)) % 7 - 3) / 4 if name != "query_norm.var" else np.ones(np.prod(shape))
        own = parameter_dtype(name, DTYPES[dtype])
        narrow = statistics and own != DTYPES[dtype]
        made[name] = values.reshape(shape).astype(DTYPES[statistics] if narrow else own)
    return made


def _with(array: Array, value: float) -> Array:
    changed = array.copy()
    changed.flat[1] = value
    return changed


def _metadata(*, spec: str = SPEC_VERSION, config: str = "") -> dict[str, str]:
    return {"peerspec.spec": spec, "peerspec.config": config or _CONFIG.to_json()}


def _layers_metadata(layers: str = "") -> dict[str, str]:
    both = {"blocks.0.ffn": asdict(_CONFIG), "blocks.1": asdict(_PLAIN)}
    return {"peerspec.spec": SPEC_VERSION, "peerspec.layers": layers or json.dumps(both)}


def _layer(*, dtype: str = "float32", spec: str = SPEC_VERSION) -> bytes:
    return _file(_params(_CONFIG, dtype), _metadata(spec=spec))


def _several(metadata: Mapping[str, str], *, omit: str = "", also: str = "") -> bytes:
    """Two layers, integers of an optimiser, and a tensor whose name only begins like a prefix.

    ``omit`` names a tensor that is left out, ``also`` one that is added.
    """
    tensors: dict[str, Array] = {"steps": np.arange(2), "blocks.0.ffnish": np.ones(3, np.float32)}
    for prefix, config, dtype in (("blocks.0.ffn", _CONFIG, "float32"), ("blocks.1", _PLAIN, "bfloat16")):
        tensors |= {f"{prefix}.{name}": array for name, array in _params(config, dtype).items()}
    if also:
        tensors[also] = np.zeros(3, np.float32)
    return _file({name: array for name, array in tensors.items() if name != omit}, metadata)


def _file(tensors: Mapping[str, Array], metadata: Mapping[str, str], *, repeat: str = "") -> bytes:
    """The bytes of a file; ``repeat`` names a tensor or an entry of the metadata that the header gives twice."""
    data, texts = b"", {"__metadata__": _object({key: json.dumps(text) for key, text in metadata.items()}, repeat)}
    for name, array in tensors.items():
        offsets = [len(data), len(data) + array.nbytes]
        texts[name] = json.dumps({"dtype": _CODES[array.dtype], "shape": array.shape, "data_offsets": offsets})
        data += array.tobytes()
    header = _object(texts, repeat).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def _object(texts: Mapping[str, str], repeat: str) -> str:
    """A JSON object of values in JSON; the entry ``repeat``, if it has one, stands in it twice."""
    entries = [f"{json.dumps(name)}: {text}" for name, text in texts.items()]
    return f"{{{', '.join(entries + [entry for entry in entries if entry.startswith(json.dumps(repeat))])}}}"


if __name__ == "__main__":
    run_with_paths(lambda: write_files(FILES), "peerspec.conformance.vectors.file_cases", least=0, most=0)
