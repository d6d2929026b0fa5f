"""One call of a backend in its own process: call it, copy its answer, and compare what it had before with before."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.backends.protocol import is_support
from peerspec.conformance.hosts.arguments import InPlace, arrays, private, same_bits
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.memory import Changed, Memory
from peerspec.conformance.problems import FaultKind
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.shown import said
from peerspec.reference import Output, Selection

__all__ = ["DICTS", "METHODS", "Answer", "Caller"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """A readable answer: an ``Output``, a ``Selection``, a dict of arrays, or the answer of ``supports``.

    Attributes:
        value: the answer, in copies that were made when the call returned.
        modified: the inputs whose bits changed during the call (IND-2).
        changed: what changed of earlier calls by the end of this one (IND-4).
    """

    value: Any
    modified: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()


class Caller:
    """A backend in this process, and what is remembered of its last calls.

    Args:
        backend: an object with the contract of a backend.
    """

    def __init__(self, backend: Any) -> None:
        self.backend, self._memory = backend, Memory()
        self._last: dict[str, dict[str, Any]] = {}

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Call ``backend.method(**arguments)`` on private copies of the arrays.

        Raises:
            Fault: the method is missing, it raised, or it returned something that is no answer.
        """
        call = getattr(self.backend, method, None)
        if call is None:
            raise Fault.of(FaultKind.METHOD_MISSING, method=method)
        early = self._make_room(method) if isinstance(arguments, InPlace) else ()
        given = self._last[method] = private(arguments, self._last.get(method, {}))
        value = _called(call, method, given)
        before, after = arrays(arguments), arrays(given)
        modified = tuple(name for name, array in after.items() if not same_bits(array, before[name]))
        answer = _read(method, value)
        before |= {name: after[name].copy() for name in modified}
        inputs = {name: (partial(after.get, name), before[name]) for name in after}
        self._memory.keep(method, _results(method, value, answer), inputs)
        return Answer(answer, modified, (*early, *self._memory.changed()))

    def _make_room(self, method: str) -> tuple[Changed, ...]:
        """What changed so far; then forget what lies in the arrays that get new values."""
        changed = self._memory.changed()
        self._memory.release(arrays(self._last.get(method, {})))
        return changed


def _called(call: Any, method: str, arguments: dict[str, Any]) -> Any:
    try:
        with np.errstate(all="ignore"):  # the suite itself sends tokens that are not finite
            return call(*_positional(method, arguments), **_keywords(method, arguments))
    except MemoryError:
        raise  # says something of the machine, and nothing of the layer
    except Exception as error:
        raise _raised(method, error) from error


_POSITIONAL = {
    "forward": ("layer", "x"),
    "select": ("scores1", "scores2", "k"),
    "gradients": ("layer", "x", "dy"),
    "grow": ("layer", "num_experts"),
    "train": ("layer", "x", "dy"),
    "comparison": ("layer", "x"),
    "comparison_gradients": ("layer", "x", "dy"),
    "adapt": ("adapter", "bases", "x"),
    "adapter_gradients": ("adapter", "bases", "x", "dy"),
    "supports": ("config", "dtype"),
}
METHODS = tuple(_POSITIONAL)
"""The methods of a backend."""
DICTS = frozenset(_POSITIONAL.keys() - {"forward", "select", "supports"})
"""Those that return arrays by name."""


def _positional(method: str, arguments: dict[str, Any]) -> list[Any]:
    return [arguments[name] for name in _POSITIONAL[method]]


def _keywords(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in _POSITIONAL[method]}


_DTYPES = frozenset(DTYPE_OF_CODE.values())
"""The dtypes of an answer, through every door."""

_LINE, _LINES = 300, 12
"""Letters kept of a line, and lines kept of a message and of its origin."""


def _raised(method: str, error: Exception) -> Fault:
    """The fault of a call that raised, with the other lines of its message and its innermost frames."""
    message = said(error).strip().splitlines()[1 : _LINES + 1]
    frames = traceback.extract_tb(error.__traceback__)[1:][-_LINES:]  # without the frame of the caller
    origin = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    raised = "\n".join(line[:_LINE] for line in (*message, *origin))
    exception, detail = type(error).__name__, _first_line(error)
    return Fault.of(FaultKind.RAISED, method=method, exception=exception, detail=detail, raised=raised)


def _first_line(error: Exception) -> str:
    return (said(error).strip().splitlines() or ["no message"])[0][:_LINE]


def _array(value: Any, part: str) -> Array:
    try:
        array = np.asarray(value)
    except Exception as error:
        exception, detail = type(error).__name__, _first_line(error)
        raise Fault.of(FaultKind.ARRAY_UNREADABLE, part=part, exception=exception, detail=detail) from error
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _DTYPES:
        got = type(value).__name__ if dtype.hasobject else f"an array of {dtype}"
        raise Fault.of(FaultKind.NO_ARRAY, part=part, got=got)
    return np.array(array, dtype, order="K")


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


def _read_dict(method: str, expected: str, value: Any) -> dict[str, Array]:
    if not hasattr(value, "items"):
        raise _wrong_type(method, expected, type(value).__name__)
    return {str(name): _array(array, str(name)) for name, array in value.items()}


def _results(method: str, value: Any, answer: Any) -> dict[str, tuple[Callable[[], Any], Array]]:
    """By part of an answer how to read it again from the object that the backend returned, and its copy."""
    if method in DICTS:
        return _in_dict(value, answer)
    names = {"forward": ("y", "scores", "indices", "gates"), "select": ("scores", "indices")}.get(method, ())
    parts = {name: getattr(answer, name) for name in names}
    found = {name: (partial(getattr, value, name), part) for name, part in parts.items() if part is not None}
    return found | (_in_dict(value.state, answer.state) if method == "forward" and answer.state else {})


def _in_dict(value: Any, answer: dict[str, Array]) -> dict[str, tuple[Callable[[], Any], Array]]:
    return {str(name): (partial(value.__getitem__, name), answer[str(name)]) for name in value}


def _read_support(value: Any) -> bool | str:
    if is_support(value):
        return str.__str__(value) if isinstance(value, str) else True
    raise _wrong_type("supports", "True or a reason in one printable line", f"{value!r:.120}")


_READERS: dict[str, Any] = {"forward": _read_output, "select": _read_selection, "supports": _read_support}


def _read(method: str, value: Any) -> Any:
    if method in DICTS:
        return _read_dict(method, "a dict of arrays by name", value)
    return _READERS[method](value)
