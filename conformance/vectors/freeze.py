"""Write the vectors into a new folder: ``python -m peerspec.conformance.vectors.freeze FOLDER``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from peerspec.conformance.cases.case import Array, Draw
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.conformance.inputs import significant_bits, word
from peerspec.conformance.maintenance import run_with_paths
from peerspec.conformance.vectors.entry import VectorError
from peerspec.conformance.vectors.manifest import MANIFEST
from peerspec.files.atomic_folder import atomic_folder
from peerspec.reference import DTYPES, SPEC_VERSION, Layer, PeerConfig, forward, select_exhaustive
from peerspec.reference.config import ACTIVATIONS

__all__ = ["freeze"]

SMALL = PeerConfig(5, 2, 25, 4, 6, d_out=3)
RELU = replace(SMALL, activation="relu")
DEEP = PeerConfig(3, 2, 16, 7, 4, d_out=2, activation="relu")
"""k > n."""
WORDS = [(0, "x", 0), (0, "x", 1), (1, "keys", 2**33), (2**64 - 1, "", 2**64 - 1), (7, "größe", 0)]
"""(seed, name, index): the first word, the second, one beyond 32 bits, the last, and one of a non-ASCII name."""
FROZEN_LAYERS: dict[str, tuple[PeerConfig, str]] = {
    "exact.relu": (RELU, "float32"),
    "exact.ties": (DEEP, "float32"),
    **{f"numeric.{kind}": (replace(SMALL, activation=kind), "float32") for kind in ACTIVATIONS},
    "numeric.float64": (SMALL, "float64"),
    "numeric.bfloat16": (SMALL, "bfloat16"),
    "numeric.float16": (SMALL, "float16"),
    "numeric.bias": (replace(RELU, query_bias=True), "float32"),
    "numeric.layer-norm": (replace(RELU, query_norm="layer"), "float32"),
    "numeric.glu": (replace(SMALL, expert="glu", activation="silu"), "float32"),
    "numeric.sigmoid": (replace(RELU, gate="sigmoid"), "float32"),
    "numeric.per-head": (replace(RELU, key_heads=2), "float32"),
}
FROZEN_SELECTIONS = {"full": (9, 5, None), "ties": (9, 5, 2), "equal": (4, 6, 1), "deep": (3, 8, 2), "all": (3, 9, 3)}
"""(n, k, bits) of half scores; None means all significant bits of the dtype."""

_File = tuple[dict[str, Array], dict[str, Any]]
"""The tensors of a file, and what the manifest says about it."""


@dataclass(frozen=True)
class _Recorder(Draw):
    """A source of tensors that records how each was made."""

    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    def coarse(self, name: str, shape: tuple[int, ...], bits: int, exponent: int) -> Array:
        self.made[name] = {
            "seed": self.seed,
            "name": f"{self.case}/{name}",
            "bits": bits,
            "exponent": exponent,
            "shape": list(shape),
            "dtype": self.dtype.name,
        }
        return super().coarse(name, shape, bits, exponent)


def freeze(folder: Path) -> None:
    """Write all files and the manifest into a new folder, which appears whole or not at all.

    Raises:
        VectorError: something has the name of the folder.
        OSError: it cannot be written.
    """
    try:
        with atomic_folder(folder) as unfinished:
            _write(unfinished)
    except FileExistsError as error:  # the folder, or a file in the place of one above it
        raise VectorError(f"{error.filename2 or error.filename} exists; name a new folder") from None


def _write(folder: Path) -> None:
    files = {}
    for name, (tensors, about) in _all_files():
        data = save({key: np.ascontiguousarray(array) for key, array in tensors.items()})
        (folder / f"{name}.safetensors").write_bytes(data)
        files[f"{name}.safetensors"] = {"sha256": sha256(data).hexdigest(), **about}
    words = [{"seed": s, "name": n, "index": i, "word": f"{word(seed=s, name=n, index=i):016x}"} for s, n, i in WORDS]
    manifest = {"spec": SPEC_VERSION, "words": words, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _all_files() -> Iterator[tuple[str, _File]]:
    yield "inputs", _inputs()
    for name, (config, dtype) in FROZEN_LAYERS.items():
        yield f"layer.{name}", _layer(name, config, dtype)
    for name, (n, k, bits) in FROZEN_SELECTIONS.items():
        for dtype in ("float32", "float64"):
            yield f"select.{name}.{dtype}", _selection(name, n, k, bits, DTYPES[dtype])


def _inputs() -> _File:
    tensors: dict[str, Array] = {}
    made: dict[str, Any] = {}
    for name, dtype in DTYPES.items():
        draw = _Recorder("vectors.inputs", 0, dtype)
        tensors[name] = draw.full(name, (4, 8))
        tensors[f"{name}.coarse"] = draw.coarse(f"{name}.coarse", (4, 8), 3, 2)
        made |= draw.made
    return tensors, {"tensors": made}


def _layer(name: str, config: PeerConfig, dtype: str) -> _File:
    draw, exact = _Recorder(f"vectors.{name}", 0, DTYPES[dtype]), name.startswith("exact.")
    layer = Layer(config, (exact_params if exact else full_params)(draw, config))
    x = tokens(draw, (6, config.d_model), exact=exact)
    out = forward(layer, x)
    assert out.scores is not None
    assert out.indices is not None
    assert out.gates is not None
    results = {"y": out.y, "scores": out.scores, "indices": out.indices, "gates": out.gates}
    about = {"config": asdict(config), "tensors": draw.made, "expected": list(results)}
    return {**layer.params, "x": x, **results}, about


def _selection(name: str, n: int, k: int, bits: int | None, dtype: Any) -> _File:
    draw = _Recorder(f"vectors.select.{name}", 0, dtype)
    s1, s2 = (draw.coarse(half, (4, n), bits or significant_bits(dtype), 0) for half in ("scores1", "scores2"))
    selected = select_exhaustive(s1, s2, k)
    about = {"k": k, "tensors": draw.made, "expected": ["scores", "indices"]}
    return {"scores1": s1, "scores2": s2, "scores": selected.scores, "indices": selected.indices}, about


if __name__ == "__main__":
    run_with_paths(freeze, "peerspec.conformance.vectors.freeze FOLDER", least=1, most=1)
