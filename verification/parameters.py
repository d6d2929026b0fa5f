"""Whether a model holds the parameters of a layer, bit for bit (PAR-1, ONX-10)."""

from __future__ import annotations

from dataclasses import fields

from peerspec.conformance.cases.case import Array
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Stage, Status
from peerspec.export.tables import Tables, is_table, rounded
from peerspec.reference import Layer, PeerConfig

__all__ = ["compare_parameters"]

_CHUNK = 1 << 24  # bytes compared at once, so that tables of gigabytes need megabytes


def compare_parameters(got: Layer, expected: Layer, tables: Tables | None) -> Finding:
    """Compare the layer in a model with ``expected``, its tables rounded to the format ``tables`` if given."""
    message = _difference(got, expected, tables)
    status, reason = (Status.FAIL, Reason.VIOLATION) if message else (Status.PASS, None)
    return Finding(
        "model.parameters",
        ("PAR-1",),
        Stage.PARAMETERS,
        "core",
        str(expected.dtype),
        status,
        1,
        reason=reason,
        message=message,
    )


def _difference(got: Layer, expected: Layer, tables: Tables | None) -> str:
    """The first difference in a sentence, or nothing."""
    if got.config != expected.config:
        return f"the model holds another layer: {_differences(got.config, expected.config)}"
    if got.dtype != expected.dtype:
        return f"the model holds {got.dtype}, the layer is {expected.dtype}"
    if different := [name for name in expected.params if not _is_same(name, got, expected, tables)]:
        rounding = f" in {tables}" if tables else ""
        return f"the model's {', '.join(different)} differ from the layer's{rounding}; export it again"
    return ""


def _differences(got: PeerConfig, expected: PeerConfig) -> str:
    pairs = ((field.name, getattr(got, field.name), getattr(expected, field.name)) for field in fields(got))
    return ", ".join(f"{name} is {value!r}, expected {wanted!r}" for name, value, wanted in pairs if value != wanted)


def _is_same(name: str, got: Layer, expected: Layer, tables: Tables | None) -> bool:
    a, b = got.params[name], expected.params[name]
    rows = max(1, _CHUNK * len(a) // a.nbytes)

    def chunk(start: int) -> Array:
        part = b[start : start + rows]
        return rounded(name, part, tables) if tables and is_table(name) else part

    return all(a[at : at + rows].tobytes() == chunk(at).tobytes() for at in range(0, len(a), rows))
