"""What the suite asks a worker, and what a worker replies, as values of JSON and arrays by name.

A reply is not trusted: whatever is not of its form is refused, and a text is a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.backends.protocol import is_support
from peerspec.conformance.cases.layouts import laid_out, layout
from peerspec.conformance.hosts.arguments import InPlace
from peerspec.conformance.hosts.arguments import arrays as sent_arrays
from peerspec.conformance.hosts.call import DICTS, METHODS, Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.memory import Changed
from peerspec.conformance.hosts.worker_wire import WireError
from peerspec.conformance.problems import FaultKind, Problem
from peerspec.conformance.sentences import sentence
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.reference import Adapter, AdapterConfig, Base, Layer, Output, PeerConfig, Selection
from peerspec.reference.comparison import COMPARISON_CONFIGS, ComparisonLayer

__all__ = [
    "Message",
    "Start",
    "answer_of",
    "arguments_of",
    "reply_of_answer",
    "reply_of_fault",
    "reply_of_refusal",
    "reply_of_start",
    "request_of",
    "start_of",
]

Array = NDArray[Any]
Message = tuple[Any, dict[str, Array]]
"""A value that JSON can hold, and arrays by name."""
Start = tuple[str, frozenset[str], frozenset[str], dict[str, str]]
"""Name, profiles and methods of a backend, and what it was loaded from."""

_FAULTS = {
    FaultKind.METHOD_MISSING,
    FaultKind.RAISED,
    FaultKind.EXITED,
    FaultKind.WRONG_TYPE,
    FaultKind.NO_ARRAY,
    FaultKind.ARRAY_UNREADABLE,
}
"""The faults that a worker sees itself."""
_ROUTING = ("scores", "indices", "gates")
_STATE = "state "
"""What the name of an array of the state begins with in a reply."""
_DTYPES = {dtype.name: dtype for dtype in DTYPE_OF_CODE.values()}


def request_of(method: str, arguments: Mapping[str, Any]) -> Message:
    """A call; memory orders of arrays travel beside them."""
    parts: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Array] = {}
    for name, value in arguments.items():
        if isinstance(value, Layer | Adapter):
            parts[name] = {"layer" if isinstance(value, Layer) else "adapter": value.config.to_json()}
            arrays |= {f"{name} {key}": part for key, part in value.params.items()}
        elif isinstance(value, ComparisonLayer):
            parts[name] = {"comparison": [value.config.kind, value.config.to_json()]}
            arrays |= {f"{name} {key}": part for key, part in value.params.items()}
        elif isinstance(value, np.ndarray):
            parts[name], arrays[name] = {"array": None}, value
        elif isinstance(value, dict):
            parts[name] = {"by target": {target: isinstance(part, Base) for target, part in value.items()}}
            arrays |= sent_arrays({name: value})
        elif isinstance(value, PeerConfig):
            parts[name] = {"config": value.to_json()}
        elif isinstance(value, np.dtype):
            parts[name] = {"dtype": value.name}
        else:
            parts[name] = {"value": value}
    orders = [layout(array) for array in arrays.values()]
    return [method, isinstance(arguments, InPlace), parts, orders], arrays


def arguments_of(message: Message) -> tuple[str, dict[str, Any]]:
    """The method and the arguments of a call."""
    (method, in_place, parts, orders), sent = message
    arrays = {name: laid_out(array, order) for (name, array), order in zip(sent.items(), orders, strict=True)}
    arguments = {name: _argument(name, part, arrays) for name, part in parts.items()}
    return method, InPlace(arguments) if in_place else arguments


def _argument(name: str, part: dict[str, Any], arrays: dict[str, Array]) -> Any:
    [(kind, value)] = part.items()
    if kind == "layer":
        return Layer(PeerConfig.from_json(value), _under(f"{name} ", arrays))
    if kind == "comparison":
        return ComparisonLayer(COMPARISON_CONFIGS[value[0]].from_json(value[1]), _under(f"{name} ", arrays))
    if kind == "adapter":
        return Adapter(AdapterConfig.from_json(value), _under(f"{name} ", arrays))
    if kind == "by target":
        return {target: _of_target(f"{name}.{target}", is_base, arrays) for target, is_base in value.items()}
    if kind == "array":
        return arrays[name]
    if kind == "config":
        return PeerConfig.from_json(value)
    return _DTYPES[value] if kind == "dtype" else value


def _under(prefix: str, arrays: dict[str, Array]) -> dict[str, Array]:
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def _of_target(key: str, is_base: bool, arrays: dict[str, Array]) -> Any:
    return Base(arrays[f"{key}.weight"], arrays.get(f"{key}.bias")) if is_base else arrays[key]


def reply_of_start(start: Start) -> Message:
    """The first reply."""
    name, profiles, methods, modules = start
    return {"start": [name, sorted(profiles), sorted(methods), modules]}, {}


def reply_of_refusal(reason: str) -> Message:
    """The first reply if there is no such backend."""
    return {"refused": reason}, {}


def start_of(message: Message) -> Start | str:
    """The start, or why there is no such backend.

    Raises:
        WireError: the message is no first reply.
    """
    value = _fields(message)
    if isinstance(reason := value.get("refused"), str):
        return reason
    match value.get("start"):
        case [str(name), [*profiles], [*methods], dict(modules)] if _are_texts(
            [*profiles, *methods, *modules.values()]
        ) and set(methods) <= {*METHODS}:
            return name, frozenset(profiles), frozenset(methods), modules
    raise WireError("it is no first reply")


def reply_of_answer(method: str, answer: Answer) -> Message:
    """An answer to a call."""
    changed = [[part.method, part.part, part.given] for part in answer.changed]
    value: dict[str, Any] = {"modified": list(answer.modified), "changed": changed}
    found = answer.value
    if method == "supports":
        return {"answer": value | {"supported": found}}, {}
    if method in DICTS:
        return {"answer": value}, found
    names = ("y", *_ROUTING) if method == "forward" else ("scores", "indices")
    arrays = {name: part for name in names if (part := getattr(found, name)) is not None}
    state = getattr(found, "state", None)
    named = {_STATE + name: part for name, part in (state or {}).items()}
    return {"answer": value | {"state": state is not None}}, arrays | named


def reply_of_fault(fault: Fault) -> Message:
    """No answer to a call, and why."""
    return {"fault": [fault.problem.kind, fault.problem.values]}, {}


def answer_of(method: str, message: Message) -> Answer | Fault:
    """The answer to a call, or the fault instead.

    Raises:
        WireError: the message is no reply to this call.
    """
    value = _fields(message)
    if "fault" in value:
        return _fault(method, value["fault"])
    match value.get("answer"):
        case dict({"modified": [*modified], "changed": [*changed]}) as said if _are_texts(modified):
            return Answer(_value(method, said, message[1]), tuple(modified), tuple(map(_changed, changed)))
    raise WireError(f"it is no reply to {method}")


def _fields(message: Message) -> dict[str, Any]:
    if not isinstance(message[0], dict):
        raise WireError("it is no object")
    return message[0]


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _changed(part: Any) -> Changed:
    match part:
        case [str(method), str(name), bool(given)] if method in METHODS:
            return Changed(method, name, given)
    raise WireError("it does not say what changed")


def _fault(method: str, said: Any) -> Fault:
    match said:
        case [str(kind), dict() as values] if kind in _FAULTS and all(map(_is_plain, values.values())):
            if values.get("method", method) != method:
                raise WireError(f"its fault is of another method than {method}")
            problem = Problem(FaultKind(kind), values)
            try:
                sentence(problem)
            except (KeyError, ValueError, TypeError):
                raise WireError(f"it does not say all of the fault {kind!r}") from None
            return Fault(problem)
    raise WireError("it holds no fault")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _value(method: str, said: dict[str, Any], arrays: dict[str, Array]) -> Any:
    if method == "supports" and is_support(said.get("supported")) and not arrays:
        return said["supported"]
    if method in DICTS:
        return arrays
    if method == "select" and arrays.keys() == {"scores", "indices"}:
        return Selection(**arrays)
    if method == "forward" and "y" in arrays and isinstance(said.get("state"), bool):
        state = {name.removeprefix(_STATE): part for name, part in arrays.items() if name.startswith(_STATE)}
        if arrays.keys() <= {"y", *_ROUTING, *(_STATE + name for name in state)}:
            parts = {name: arrays.get(name) for name in _ROUTING}
            return Output(arrays["y"], **parts, state=state if said["state"] else None)
    raise WireError(f"its parts are not those of an answer to {method}")
