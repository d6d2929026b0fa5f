"""Every message of a whole run fits the schemas, and the package refuses a reply that does not."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from peerspec.backends.process import Command, ProcessError, messages
from peerspec.backends.process.program import Program
from peerspec.conformance import check_backend

jsonschema = pytest.importorskip(
    "jsonschema", reason="jsonschema is not installed; pip install 'peerspec[dev]' brings it"
)

Exchange = tuple[dict[str, Any], dict[str, Any]]
START = {"reply": "start", "protocol": 1, "name": "C", "profiles": ["float32"], "methods": ["forward"]}


@cache
def _schema(name: str) -> Any:
    schema = json.loads(files("peerspec.backends.process").joinpath("schemas", f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def exchanges(program: Callable[..., Command]) -> list[Exchange]:
    """All messages of a run with every method, and their replies."""
    found: list[Exchange] = []
    stops: list[bytes] = []
    exchange, stop = Program.exchange, Program.stop

    def exchanged(self: Program, line: bytes, **more: Any) -> bytes:
        reply = exchange(self, line, **more)
        found.append((json.loads(line), json.loads(reply)))
        return reply

    def stopped(self: Program, line: bytes) -> None:
        stops.append(line)
        stop(self, line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "exchange", exchanged)
        patch.setattr(Program, "stop", stopped)
        report = check_backend(program("whole.py"), size="minimal")
    assert str(report.verdict).startswith("conformant"), report.verdict
    assert len(stops) == 1
    _schema("request").validate(json.loads(stops[0]))
    return found


def test_a_whole_run_uses_every_method(exchanges: list[Exchange]) -> None:
    assert {message["method"] for message, _ in exchanges} == {"start", *messages.METHODS}


def test_every_message_fits_the_schema_of_messages(exchanges: list[Exchange]) -> None:
    for message, _ in exchanges:
        _schema("request").validate(message)


def test_every_reply_fits_the_schema_of_replies(exchanges: list[Exchange]) -> None:
    for _, reply in exchanges:
        _schema("reply").validate(reply)


def test_one_layer_in_a_row_is_written_once(exchanges: list[Exchange]) -> None:
    paths = [message["layer"] for message, _ in exchanges if "layer" in message]
    assert len(set(paths)) < 0.9 * len(paths)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        {"reply": "start"},
        START | {"protocol": 2},
        START | {"protocol": "1"},
        START | {"protocol": True},
        START | {"name": ""},
        START | {"name": "x" * 101},
        START | {"name": 7},
        START | {"profiles": "float32"},
        START | {"profiles": [32]},
        START | {"methods": []},
        START | {"methods": ["forward", "backward"]},
        START | {"more": 1},
    ],
)
def test_a_greeting_outside_the_schema_is_refused(reply: Any) -> None:
    assert not _schema("reply").is_valid(reply)
    with pytest.raises(ProcessError):
        messages.read_start(messages.decode(json.dumps(reply).encode(), "start"))


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("forward", {"reply": "forward", "path": "x"}),
        ("forward", {"reply": "done"}),
        ("supports", {"reply": "supports"}),
        ("supports", {"reply": "supports", "supported": False}),
        ("supports", {"reply": "supports", "supported": 1}),
        ("forward", {"reply": "error"}),
        ("forward", {"reply": "error", "message": 3}),
    ],
)
def test_a_reply_outside_the_schema_is_refused(method: str, reply: Any) -> None:
    assert not _schema("reply").is_valid(reply)

    def read() -> None:
        decoded = messages.decode(json.dumps(reply).encode(), method)
        messages.read_support(decoded)

    with pytest.raises(ProcessError):
        read()


def test_a_path_with_letters_of_any_script_comes_as_it_is() -> None:
    assert "größe" in messages.request("forward", answer="größe").decode()
