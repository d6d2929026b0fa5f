"""One question to a backend, asked where the backend lives: call it, read its answer, see what it did to the inputs."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference import Layer, Output, Selection

__all__ = ["Answer", "Fault", "Refused", "Strided", "as_laid_out", "call_backend"]

Array = NDArray[Any]


class Fault(Exception):  # noqa: N818 - what it names is no error of this package
    """The backend gave no answer that can be read: it raised, hung, died, or returned something else.

    Attributes:
        raised: lines that tell more of what a call raised: the rest of its message, and where it came from.
    """

    raised = ""

    def plain(self) -> Fault:
        """The same without its cause and frames, which cannot always be sent to another process."""
        fault = type(self)(str(self))
        fault.raised = self.raised
        return fault


class Refused(Fault):
    """The backend said itself that it gives none: the call raised, or the program replied ``error`` (NRM-5)."""


@dataclass(frozen=True)
class Answer:
    """A readable answer: an ``Output``, a ``Selection``, a dict of arrays, or what ``supports`` said.

    ``modified`` names the inputs whose bits changed during the call (IND-2).
    """

    value: Any
    modified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strided:
    """An array to be handed over with gaps between its rows, which pickling would close."""

    array: Array


def as_laid_out(array: Array) -> Array | Strided:
    """The array as an argument whose gaps, if it has any, the backend will meet."""
    return array if array.flags.c_contiguous or array.flags.f_contiguous else Strided(array)


def call_backend(backend: Any, method: str, arguments: dict[str, Any]) -> Answer:
    """Call ``backend.method(**arguments)`` on private copies of the arrays.

    Raises:
        Refused: the call raised.
        Fault: what came back is not an answer.
    """
    call = getattr(backend, method, None)
    if call is None:
        raise Fault(f"it has no {method}(), which the profiles it claims need")
    copies = {key: _copy(value) for key, value in arguments.items()}
    before = _arrays(arguments)
    try:
        with np.errstate(all="ignore"):  # tokens that are not finite are the suite's doing
            value = call(*_positional(method, copies), **_keywords(method, copies))
    except Exception as error:
        refused = Refused(f"{method}() raised {type(error).__name__}: {_first_line(error)}")
        refused.raised = _raised(error)
        raise refused from error
    modified = tuple(name for name, array in _arrays(copies).items() if not _same_bits(array, before[name]))
    return Answer(_READERS[method](value), modified)


_POSITIONAL = {
    "forward": ("layer", "x"),
    "select": ("scores1", "scores2", "k"),
    "gradients": ("layer", "x", "dy"),
    "supports": ("config", "dtype"),
}


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
"""Letters of a line that are kept, and lines of a message and of its origin."""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:_LINE]


def _raised(error: Exception) -> str:
    """The other lines of the message, then the innermost frames; those of the caller are none of the backend's."""
    message = str(error).strip().splitlines()[1 : _LINES + 1]
    frames = traceback.extract_tb(error.__traceback__)[1:][-_LINES:]
    origin = [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join(line[:_LINE] for line in (*message, *origin))


def _array(value: Any, what: str) -> Array:
    try:
        array = np.asarray(value)
    except Exception as error:
        raise Fault(f"{what} cannot be read as an array: {type(error).__name__}: {_first_line(error)}") from error
    if array.dtype == object or array.dtype.hasobject:
        raise Fault(f"{what} must be an array of numbers, got {type(value).__name__}")
    return array


def _read_output(value: Any) -> Output:
    if not hasattr(value, "y"):
        raise Fault(f"forward() must return an Output, got {type(value).__name__}")
    routing = {name: getattr(value, name, None) for name in ("scores", "indices", "gates")}
    state = getattr(value, "state", None)
    return Output(
        _array(value.y, "y"),
        **{name: None if part is None else _array(part, name) for name, part in routing.items()},
        state=None if state is None else _read_dict(state),
    )


def _read_selection(value: Any) -> Selection:
    if not (hasattr(value, "scores") and hasattr(value, "indices")):
        raise Fault(f"select() must return a Selection, got {type(value).__name__}")
    return Selection(_array(value.scores, "scores"), _array(value.indices, "indices"))


def _read_dict(value: Any) -> dict[str, Array]:
    if not hasattr(value, "items"):
        raise Fault(f"a dict of arrays by parameter name was expected, got {type(value).__name__}")
    return {str(name): _array(array, str(name)) for name, array in value.items()}


def _read_support(value: Any) -> bool | str:
    if value is True:
        return True
    if isinstance(value, str):
        return str.__str__(value)
    raise Fault(f"supports() must return True or a reason, got {value!r}")


_READERS: dict[str, Any] = {
    "forward": _read_output,
    "select": _read_selection,
    "gradients": _read_dict,
    "supports": _read_support,
}
