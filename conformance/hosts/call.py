"""One call of a backend in its own process: call it, read its answer, compare its inputs with before."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.backends.protocol import is_support
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.problems import FaultKind
from peerspec.reference import Layer, Output, Selection

__all__ = ["METHODS", "Answer", "Strided", "as_laid_out", "call_backend"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """A readable answer: an ``Output``, a ``Selection``, a dict of arrays, or the answer of ``supports``.

    ``modified`` names the inputs whose bits changed during the call (IND-2).
    """

    value: Any
    modified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strided:
    """An array with gaps between its rows; pickling alone would close the gaps."""

    array: Array


def as_laid_out(array: Array) -> Array | Strided:
    """The array as an argument that keeps its gaps, if it has any, on the way to the backend."""
    return array if array.flags.c_contiguous or array.flags.f_contiguous else Strided(array)


def call_backend(backend: Any, method: str, arguments: dict[str, Any]) -> Answer:
    """Call ``backend.method(**arguments)`` on private copies of the arrays.

    Raises:
        Fault: the method is missing, it raised, or it returned something that is no answer.
    """
    call = getattr(backend, method, None)
    if call is None:
        raise Fault.of(FaultKind.METHOD_MISSING, method=method)
    copies = {key: _copy(value) for key, value in arguments.items()}
    before = _arrays(arguments)
    try:
        with np.errstate(all="ignore"):  # the suite itself sends tokens that are not finite
            value = call(*_positional(method, copies), **_keywords(method, copies))
    except Exception as error:
        raise _raised(method, error) from error
    modified = tuple(name for name, array in _arrays(copies).items() if not _same_bits(array, before[name]))
    return Answer(_READERS[method](value), modified)


_POSITIONAL = {
    "forward": ("layer", "x"),
    "select": ("scores1", "scores2", "k"),
    "gradients": ("layer", "x", "dy"),
    "supports": ("config", "dtype"),
}
METHODS = tuple(_POSITIONAL)
"""The methods of a backend."""


def _positional(method: str, arguments: dict[str, Any]) -> list[Any]:
    return [arguments[name] for name in _POSITIONAL[method]]


def _keywords(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in _POSITIONAL[method]}


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, Strided):
        return _with_gaps(value.array)
    if isinstance(value, Layer):
        return Layer(value.config, {name: array.copy(order="K") for name, array in value.params.items()})
    return value


def _with_gaps(value: Array) -> Array:
    view = np.zeros((2 * len(value), *value.shape[1:]), value.dtype)[::2]
    view[...] = value
    return view


def _arrays(arguments: dict[str, Any]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            found[key] = value
        elif isinstance(value, Strided):
            found[key] = value.array
        elif isinstance(value, Layer):
            found |= value.params
    return found


def _same_bits(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


_LINE, _LINES = 300, 12
"""Letters kept of a line, and lines kept of a message and of its origin."""


def _raised(method: str, error: Exception) -> Fault:
    """The fault of a call that raised, with the other lines of its message and its innermost frames."""
    message = str(error).strip().splitlines()[1 : _LINES + 1]
    frames = traceback.extract_tb(error.__traceback__)[1:][-_LINES:]  # without the frame of the caller
    origin = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    raised = "\n".join(line[:_LINE] for line in (*message, *origin))
    exception, detail = type(error).__name__, _first_line(error)
    return Fault.of(FaultKind.RAISED, method=method, exception=exception, detail=detail, raised=raised)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:_LINE]


def _array(value: Any, part: str) -> Array:
    try:
        array = np.asarray(value)
    except Exception as error:
        exception, detail = type(error).__name__, _first_line(error)
        raise Fault.of(FaultKind.ARRAY_UNREADABLE, part=part, exception=exception, detail=detail) from error
    if array.dtype == object or array.dtype.hasobject:
        raise Fault.of(FaultKind.NO_ARRAY, part=part, got=type(value).__name__)
    return array


def _wrong_type(method: str, expected: str, got: str) -> Fault:
    return Fault.of(FaultKind.WRONG_TYPE, method=method, expected=expected, got=got)


def _read_output(value: Any) -> Output:
    if not hasattr(value, "y"):
        raise _wrong_type("forward", "an Output", type(value).__name__)
    routing = {name: getattr(value, name, None) for name in ("scores", "indices", "gates")}
    state = getattr(value, "state", None)
    return Output(
        _array(value.y, "y"),
        **{name: None if part is None else _array(part, name) for name, part in routing.items()},
        state=None if state is None else _read_dict("forward", "a state that is a dict of arrays by name", state),
    )


def _read_selection(value: Any) -> Selection:
    if not (hasattr(value, "scores") and hasattr(value, "indices")):
        raise _wrong_type("select", "a Selection", type(value).__name__)
    return Selection(_array(value.scores, "scores"), _array(value.indices, "indices"))


def _read_gradients(value: Any) -> dict[str, Array]:
    return _read_dict("gradients", "a dict of arrays by parameter name", value)


def _read_dict(method: str, expected: str, value: Any) -> dict[str, Array]:
    if not hasattr(value, "items"):
        raise _wrong_type(method, expected, type(value).__name__)
    return {str(name): _array(array, str(name)) for name, array in value.items()}


def _read_support(value: Any) -> bool | str:
    if is_support(value):
        return str.__str__(value) if isinstance(value, str) else True
    raise _wrong_type("supports", "True or a reason in one printable line", f"{value!r:.120}")


_READERS: dict[str, Any] = {
    "forward": _read_output,
    "select": _read_selection,
    "gradients": _read_gradients,
    "supports": _read_support,
}
