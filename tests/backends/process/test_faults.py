"""An answer that cannot be read is a fault: status 2 and one sentence."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from peerspec.backends import BackendError
from peerspec.backends.process import Command
from peerspec.conformance import check_backend
from peerspec.conformance.kinds import Status
from peerspec.conformance.report import Report

Programs = Callable[..., Command]


def _check(command: Command, timeout: float = 20.0) -> Report:
    return check_backend(command, size="minimal", only=["structure"], timeout=timeout)


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("exits", "ended during forward() (exit status 3); it last wrote to standard error: first line | the last"),
        ("segfaults", "ended during forward() (killed by signal 11)"),
        ("closes", "closed its standard output during forward(), or was killed by signal 9, as a system does when"),
        ("garbage", "its answer to forward is not a line of JSON: 'computing…'"),
        ("not utf-8", "is not a line of JSON"),
        ("not a number", "is not a line of JSON: '{\"reply\": NaN}'"),
        ("marked", "is not a line of JSON"),
        ("deep", "is not a line of JSON: '[[["),
        ("a list", 'must be an object with "reply": "forward"'),
        ("unknown reply", 'must be an object with "reply": "forward"'),
        ("unknown field", "'y' is wrong"),
        ("long line", "is a line of more than 1048576 bytes"),
        ("chatters", "wrote a line before forward(), which answers no message"),
        ("silent disk", "forward() wrote no file"),
        ("pickle", "is not safetensors"),
        ("truncated", "is not safetensors"),
        ("huge header", "is not safetensors"),
        ("complex", "has a tensor of format 'C64'"),
        ("link", "cannot be opened"),
        ("fifo", "is not a regular file"),
        ("folder", "is not a regular file"),
        ("too large", "has 1073741825 bytes; at most 1073741824 are read"),
        ("no y", "lacks the tensor 'y'"),
    ],
)
def test_an_unreadable_answer_is_an_error_and_never_a_failed_clause(
    program: Programs, way: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = _check(program("broken.py", way))
    assert report.exit_status == 2
    assert not report.of(Status.FAIL)
    message = report.of(Status.ERROR)[0].message
    assert sentence in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir()), "something in the answer was executed"


@pytest.mark.parametrize(
    ("way", "clause", "sentence"),
    [
        ("unknown name", "NRM-3", "the returned state must hold nothing, got z"),
        ("error", "CNF-4", "answered forward with the error 'no �[31msuch activation'"),
        ("long error", "CNF-4", "with the error '" + 40 * "reason "),
    ],
)
def test_a_surplus_tensor_and_an_error_instead_of_an_answer_break_a_clause(
    program: Programs, way: str, clause: str, sentence: str
) -> None:
    report = _check(program("broken.py", way))
    assert (report.exit_status, report.broken[0]) == (1, clause)
    message = report.of(Status.FAIL)[0].message
    assert sentence in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("dies at start", "ended during start (exit status 1); it last wrote to standard error: no licence found"),
        ("old protocol", "uses protocol 0, this package 1"),
        ("no forward", "does not offer forward"),
        ("new method", "unknown method 'backward'"),
        ("no name", "name must be a printable text"),
        ("colourful", "name must be a printable text"),
        ("bad profiles", "profiles must be a list of names"),
        ("missing field", "must have the fields methods, name, profiles, protocol, reply"),
        ("unknown profile", "unknown profile 'quantum'"),
    ],
)
def test_a_program_that_does_not_say_hello_is_no_backend(program: Programs, way: str, sentence: str) -> None:
    with pytest.raises(BackendError) as raised:
        _check(program("broken.py", way))
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("no-such-program --fast", "cannot start 'no-such-program': No such file or directory"),
        ("", "the command is empty"),
        ("'open", "cannot be split into words"),
        ("bad\0name", "cannot start"),
    ],
)
def test_a_command_that_cannot_be_started_is_one_sentence(words: str, sentence: str) -> None:
    with pytest.raises(BackendError, match=sentence):
        _check(Command(words))


def test_a_program_that_removes_the_folder_is_an_error_and_not_a_fault_of_the_suite(program: Programs) -> None:
    first, *_, last = _check(program("broken.py", "no folder")).of(Status.ERROR)
    assert "forward() wrote no file" in first.message
    assert "the inputs of forward() cannot be written to" in last.message


@pytest.mark.parametrize("way", ["a link for the folder", "a file for the folder"])
def test_a_program_that_replaces_the_folder_is_an_error_and_the_report_is_not_lost(
    program: Programs, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    *_, last = _check(program("broken.py", way)).of(Status.ERROR)
    assert "it put something else in the place of" in last.message
    assert not os.listdir(tmp_path)


def test_a_folder_of_any_depth_is_removed(program: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert _check(program("broken.py", "nested folders")).exit_status == 2
    assert not os.listdir(tmp_path)


def test_a_start_may_take_as_long_as_a_call(program: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerspec.conformance.hosts.host.START_LIMIT", 0.01)
    with pytest.raises(BackendError, match=r"start gave no answer within 0\.02 s"):
        _check(program("whole.py"), timeout=0.02)
    assert _check(program("whole.py"), timeout=20.0).exit_status == 0


def test_a_program_that_hangs_is_ended_with_what_it_started(program: Programs) -> None:
    mark = f"started by {os.getpid()}"
    started = time.monotonic()
    report = _check(program("broken.py", "hangs", mark), timeout=0.5)
    assert report.exit_status == 2
    assert "forward() gave no answer within 0.5 s" in report.of(Status.ERROR)[0].message
    assert time.monotonic() - started < 15
    while (running := _processes(mark)) and time.monotonic() - started < 15:
        time.sleep(0.05)  # a killed process needs a moment on a busy machine; the child sleeps for 60 s
    assert not running


def test_a_program_that_answers_without_reading_is_no_backend_or_an_error(program: Programs) -> None:
    try:
        message = _check(program("broken.py", "blind")).of(Status.ERROR)[0].message
    except BackendError as error:  # if it was faster than the first message
        message = str(error)
    # a race: its line comes before the message, or instead of the reply
    assert "which answers no message" in message or 'must be an object with "reply": "forward"' in message


def test_a_program_that_claims_select_without_it_is_an_error(program: Programs) -> None:
    report = check_backend(program("broken.py", "claims select"), size="minimal", only=["select"])
    assert report.exit_status == 2
    assert "it has no select()" in report.of(Status.ERROR)[0].message


def test_a_program_that_only_ever_writes_to_standard_error_is_ended_long_before_its_time() -> None:
    started = time.monotonic()
    with pytest.raises(BackendError) as raised:
        _check(Command(["sh", "-c", "yes complaint >&2"]))
    said, _, last = str(raised.value).partition("; it last wrote to standard error: ")
    assert said.endswith("it wrote more than 67108864 bytes to standard error during start and gave no answer")
    assert last == " | ".join(5 * ["complaint"])
    assert time.monotonic() - started < 30  # the first answer may take 120 s


def test_a_program_that_fills_standard_error_is_not_held_up(program: Programs) -> None:
    assert _check(program("broken.py", "loud")).exit_status == 0


@pytest.mark.parametrize(
    ("way", "clause"),
    [
        ("wrong shape", "SHP-1"),
        ("wrong format", "PRC-6"),
        ("byte ids", "PRC-3"),
        ("unexpected state", "NRM-3"),
        ("half a routing", "CNF-3"),
        ("spoils x", "IND-2"),
        ("spoils layer", "IND-2"),
    ],
)
def test_a_readable_answer_with_something_wrong_fails_its_clause(program: Programs, way: str, clause: str) -> None:
    report = _check(program("broken.py", way))
    assert report.exit_status == 1
    assert report.first is not None
    assert report.first.clauses[0] == clause


def _processes(mark: str) -> set[str]:
    """The running processes with an argument ``mark``."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                found.add(entry.parent.name)
        except OSError:
            continue
    return found
