"""The two files of a repro: the tensors of the case with its description, and a program to read and run.

The tensors are safetensors under the names of PAR-1 with ``x``, ``mask`` and ``dy``, or ``scores1`` and ``scores2``;
those of an adapter are there besides. The metadata is one JSON object. ``read`` executes neither file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save

from peerspec.conformance.cases.adapter_case import AdapterCase, widths
from peerspec.conformance.cases.case import Array, Case, ComparisonCase, Halves, Subject
from peerspec.conformance.cases.layouts import LAYOUTS, laid_out, layout
from peerspec.conformance.repro.adapter_file import ADAPTED, adapter_case, adapter_tensors
from peerspec.conformance.repro.repro import BackendKind, Repro, ReproError
from peerspec.conformance.repro.script import program
from peerspec.files.atomic_file import AtomicFile
from peerspec.files.limited import read_limited
from peerspec.files.shown import shown
from peerspec.files.strict_json import parse_json
from peerspec.files.tensors import parse_tensors
from peerspec.reference import PRECISIONS, SPEC_VERSION, Layer, PeerConfig, PeerError
from peerspec.reference.comparison import COMPARISON_CONFIGS, ComparisonConfig, ComparisonLayer, PKMConfig

__all__ = ["KEY", "VERSION", "publish", "read"]

KEY, VERSION = "peerspec.repro", 3
"""The metadata field, and the version of its form."""
_LIMIT = 1 << 28
"""The largest file that is read, in bytes: 5 times the largest case of the suite, gradients of a million experts."""
_NUMBERS = 1 << 25
"""The most numbers of one array that a replay computes: twice those of the largest explored layers."""


def read(path: Path) -> Repro:
    """Read a repro from either of its files.

    Raises:
        ReproError: no such file, a changed file, or a file that is no repro of this version.
    """
    path = path.with_suffix(".safetensors") if path.suffix == ".py" else path
    try:
        data = read_limited(path, _LIMIT)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReproError(f"{path}: {reason}; name a file that `peerspec check --repro` wrote") from None
    named = re.fullmatch(r"repro_.+_([0-9a-f]{10})", path.stem)
    if named and named[1] != _digest(data):
        raise ReproError(f"{path} was changed since it was written: its hash is {_digest(data)}; write it again")
    try:
        return _parse(data)
    except PeerError as error:
        raise ReproError(f"{path} is no repro of this version: {error}") from None
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ReproError(
            f"{path} is no repro ({type(error).__name__}: {str(error)[:100]}); "
            "name a file that `peerspec check --repro` wrote"
        ) from None


def publish(repro: Repro, directory: Path) -> Path:
    """Write both files or, after an error, none, and return the path of the program; equal files stay as they are.

    Raises:
        ReproError: another file of that name, or a directory that cannot be written.
    """
    data = _bytes(repro)
    path = directory / f"repro_{repro.title.replace(' ', '-')}_{_digest(data)}.safetensors"
    runnable = path.with_suffix(".py")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write({path: data, runnable: program(repro, runnable.name).encode()})
    except OSError as error:
        raise ReproError(f"cannot write {path}: {error.strerror}; name another directory") from None
    return runnable


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write the files that are not there yet; they get their names when all of them are written."""
    new = [path for path, data in contents.items() if not _is_there(path, data)]
    with ExitStack() as stack:
        files = [stack.enter_context(AtomicFile(path)) for path in new]
        for file in files:
            file.stream.write(contents[file.path])
            file.stream.flush()
        try:
            for file in files:
                file.publish()
        except BaseException:
            for file in files:
                if file.is_published:
                    file.path.unlink()
            raise


def _is_there(path: Path, data: bytes) -> bool:
    if not path.exists():
        return False
    if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
        raise ReproError(f"{path} exists and holds something else; move it away or name another directory")
    return True


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:10]


# -- the tensors


def _bytes(repro: Repro) -> bytes:
    about = {name: value for name, value in vars(repro).items() if name != "subject"}
    tensors, subject = _parts(repro.subject)
    about["memory"] = {name: where for name, array in tensors.items() if (where := layout(array)) != "rows"}
    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()}
    return bytes(save(arrays, {KEY: json.dumps({"version": VERSION} | about | subject, sort_keys=True)}))


def _parts(subject: Subject) -> tuple[dict[str, Array], dict[str, Any]]:
    if isinstance(subject, Halves):
        halves = {"scores1": subject.scores1, "scores2": subject.scores2}
        return halves, {"case": subject.name, "k": subject.k}
    given = {"x": subject.x, "mask": subject.mask, "dy": subject.dy}
    tensors = dict(subject.layer.params) | {name: array for name, array in given.items() if array is not None}
    more: dict[str, Any] = {}
    if isinstance(subject, ComparisonCase):
        more = {"layer_kind": subject.layer.config.kind}
    if isinstance(subject, AdapterCase):
        tensors |= adapter_tensors(subject)
        more = {"rank": subject.rank, "alpha": subject.alpha, "targets": list(widths(subject.tables))}
    return tensors, more | {
        "case": subject.name,
        "config": asdict(subject.layer.config),
        "exact": subject.exact,
        "training": subject.training,
    }


def _parse(data: bytes) -> Repro:
    length = int.from_bytes(data[:8], "little")
    arrays = parse_tensors(data)
    about = parse_json(parse_json(data[8 : 8 + length])["__metadata__"][KEY])
    if (version := about.pop("version")) != VERSION:
        raise PeerError(f"its version is {version!r}, this package reads {VERSION}")
    if str(about["spec"]).split(".")[0] != SPEC_VERSION.split(".")[0]:
        raise PeerError(f"it was written for spec {about['spec']}, this package has {SPEC_VERSION}")
    _require(
        set(about) - _FIELDS in _KINDS,
        "the fields of a layer, of an adapter, of a layer of chapter 15 or of half scores alone",
    )
    for name, expected in _TYPES.items():
        _require(isinstance(about.get(name, expected()), expected), f"{name} of the type {expected.__name__}")
    _require(about["precision"] in PRECISIONS, f"a precision, not {about['precision']!r}")
    _require(set(about["memory"].values()) <= set(LAYOUTS), f"arrays in {', '.join(LAYOUTS)}")
    where = about.pop("memory")
    tensors = {name: laid_out(array, where.get(name, "rows")) for name, array in arrays.items()}
    subject = _subject(tensors, about)
    return Repro(**about | {"kind": BackendKind(about["kind"])}, subject=subject)


_TEXTS = ("check", "clause", "fault", "precision", "message", "backend", "kind", "spec", "case", "layer_kind")
_TYPES: dict[str, Any] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("exact", "training"), bool),
    **dict.fromkeys(("config", "memory"), dict),
    "k": int,
    "rank": int,
    "alpha": float,
    "targets": list,
}
_HALVES_FIELDS, _LAYER_FIELDS = {"k"}, {"config", "exact", "training"}
_ADAPTER_FIELDS, _COMPARISON_FIELDS = {"rank", "alpha", "targets"}, {"layer_kind"}
_KINDS = (_LAYER_FIELDS, _LAYER_FIELDS | _ADAPTER_FIELDS, _LAYER_FIELDS | _COMPARISON_FIELDS, _HALVES_FIELDS)
_FIELDS = _TYPES.keys() - set().union(*_KINDS)


def _subject(tensors: dict[str, Array], about: dict[str, Any]) -> Subject:
    """The subject; its parts leave ``about``, and their shapes and dtypes must fit each other."""
    if "config" not in about:
        halves = Halves(about.pop("case"), tensors.pop("scores1"), tensors.pop("scores2"), about.pop("k"))
        shape = halves.scores1.shape
        _require(not tensors and shape == halves.scores2.shape != (), "half scores alone, of one shape [..., n]")
        _require(1 <= halves.k <= shape[-1] ** 2, "k in 1 … n²")
        _require_few(prod(shape[:-1]) * min(halves.k, shape[-1]) ** 2)
        return halves
    x, mask, dy = tensors.pop("x"), tensors.pop("mask", None), tensors.pop("dy", None)
    adapted = {name: tensors.pop(name) for name in [*tensors] if name.startswith(ADAPTED)} if "rank" in about else {}
    layer = _layer(tensors, about)
    config = layer.config
    precision = PRECISIONS[about["precision"]]
    _require((layer.dtype, x.dtype) == precision[1:], f"parameters and x of the precision {precision.name}")
    _require(x.ndim > 0 and x.shape[-1] == config.d_model, "x that fits the layer")
    _require(mask is None or (mask.shape == x.shape[:-1] and mask.dtype == bool), "a mask that fits x")
    _require(dy is None or (dy.shape == (*x.shape[:-1], config.d_out) and dy.dtype == x.dtype), "dy that fits x")
    _require_few(prod(x.shape[:-1]) * _numbers(config))
    rest = x, mask, about.pop("training"), dy
    if isinstance(layer, ComparisonLayer):
        return ComparisonCase(about.pop("case"), about.pop("exact"), layer, *rest)
    case = Case(about.pop("case"), about.pop("exact"), layer, *rest)
    own = [about.pop(name) for name in ("targets", "rank", "alpha") if name in about]
    return adapter_case(case, adapted, *own) if own else case


def _layer(params: dict[str, Array], about: dict[str, Any]) -> Layer | ComparisonLayer:
    fields, kind = about.pop("config"), about.pop("layer_kind", "")
    if not kind:
        return Layer(PeerConfig.from_json(json.dumps(fields)), params)
    _require(kind in COMPARISON_CONFIGS, f"a layer of the kind {', '.join(COMPARISON_CONFIGS)}")
    return ComparisonLayer(COMPARISON_CONFIGS[kind].from_fields(fields), params)


def _numbers(config: PeerConfig | ComparisonConfig) -> int:
    """Numbers of one token in one step."""
    if isinstance(config, PeerConfig | PKMConfig):
        pairs = max(config.top_k * max(config.d_model, config.d_out), min(config.top_k, config.n) ** 2)
        return config.heads * pairs
    neurons: int = getattr(config, "num_experts", 1) * config.d_hidden
    return neurons


def _require_few(numbers: int) -> None:
    _require(numbers <= _NUMBERS, f"a case of at most {_NUMBERS} numbers in one step, not {shown(numbers)}")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise PeerError(f"it must hold {what}")
