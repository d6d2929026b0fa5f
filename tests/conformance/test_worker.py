"""A worker is not trusted: it sends data of a form and a size within a time, or there is no verdict."""

from __future__ import annotations

import json
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerspec.backends import BackendError
from peerspec.conformance import check_backend
from peerspec.conformance.hosts.call import DICTS, METHODS, Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.memory import Changed
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.conformance.hosts.worker_messages import answer_of, reply_of_answer, reply_of_fault, start_of
from peerspec.conformance.hosts.worker_wire import VALUE_LIMIT, WireError, read_message, write_message
from peerspec.conformance.problems import FaultKind
from peerspec.reference import Layer, Output, PeerConfig, Selection

LAYER = Layer.random(PeerConfig(3, 2, 4, 2, 4, activation="relu"))
X = np.ones((2, 3), np.float32)
HEAD = "import os\nname, profiles = 'liar', ['float32']\n"
REFERENCE = HEAD + "from peerspec.backends.reference import forward\n"
TO_THE_SUITE = """
def send(data):
    for number in range(3, 64):
        try:
            os.write(number, data)
        except OSError:
            pass
"""


def written(folder: Path, text: str) -> str:
    (folder / "liar.py").write_text(text)
    return str(folder / "liar.py")


def fault_of(folder: Path, text: str, *, timeout: float = 20.0) -> str:
    with WorkerHost(written(folder, text), timeout=timeout) as host, pytest.raises(Fault) as fault:
        host.call("forward", {"layer": LAYER, "x": X})
    return str(fault.value)


# ---- passing by a trick


def test_what_a_backend_would_have_executed_elsewhere_stays_a_text(tmp_path: Path) -> None:
    """Its name pickles as a call of ``os.system``, as do a profile, the dtype of an answer and a reason."""
    marker = tmp_path / "executed"
    text = f"""
import os
import numpy as np
from peerspec.backends import reference

class Trap(str):
    def __reduce__(self):
        return os.system, ("touch {marker}",)

name, profiles = Trap("trap"), [Trap("float32")]

def supports(config, dtype):
    return True if config.activation == "relu" else Trap("no such activation")

def forward(layer, x, **options):
    out = reference.forward(layer, x, **options)
    y = out.y.astype(np.dtype(out.y.dtype, metadata={{"trap": Trap("trap")}}))
    return type(out)(y, out.scores, out.indices, out.gates, out.state)
"""
    report = check_backend(written(tmp_path, text), size="minimal")
    assert report.backend == "trap"
    assert not marker.exists()


def test_a_dtype_that_no_file_can_hold_is_told_through_every_door(tmp_path: Path) -> None:
    text = REFERENCE.replace("import forward", "import forward as right") + (
        "import numpy as np\ndef forward(layer, x, **options):\n"
        "    out = right(layer, x, **options)\n    return type(out)(out.y.astype(KIND))\n"
    )
    for kind, shown in (("complex", "complex128"), ("'U9'", "<U9"), ("[('a', 'f4')]", "[('a', '<f4')]")):
        path = written(tmp_path, text.replace("KIND", kind))
        module: dict[str, Any] = {}
        exec(Path(path).read_text(), module)
        backend = type("Backend", (), {name: staticmethod(module[name]) for name in ("forward",)} | HEAD_FIELDS)()
        verdicts = {str(check_backend(each, size="minimal").verdict) for each in (path, backend)}
        assert len(verdicts) == 1
        assert f"y must be an array of numbers of at most 64 bits, got an array of {shown}" in verdicts.pop()


HEAD_FIELDS = {"name": "liar", "profiles": ("float32",)}


def test_numbers_in_another_order_of_bytes_are_the_same_numbers_through_every_door(tmp_path: Path) -> None:
    text = REFERENCE.replace("import forward", "import forward as right") + (
        "def forward(layer, x, **options):\n"
        "    out = right(layer, x, **options)\n    return type(out)(out.y.astype('>f4'))\n"
    )
    with WorkerHost(written(tmp_path, text), timeout=20) as host:
        y = host.call("forward", {"layer": LAYER, "x": X}).value.y
    assert y.dtype == np.float32
    assert y.dtype.isnative


# ---- bytes that are no reply


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("b'1234'", "forward() gave no answer within 1 s"),
        (
            "(1 << 30).to_bytes(8, 'little') + bytes(8)",
            "no readable reply to forward(): it has 1073741824 bytes",
        ),
        (
            "bytes(8) + (1 << 62).to_bytes(8, 'little')",
            "no readable reply to forward(): it has 4611686018427387904",
        ),
        ("bytes(16)", "its process sent no readable reply to forward(): it cannot be read"),
        ("(5).to_bytes(8, 'little') + bytes(8) + b'12345'", "no readable reply to forward(): it cannot be read"),
        ("b'the backend prints this line'", "its process sent no readable reply to forward()"),
    ],
    ids=["four bytes", "long header", "long arrays", "nothing", "no object", "text"],
)
def test_bytes_that_are_no_reply_end_the_run_in_time_with_a_sentence(tmp_path: Path, sent: str, said: str) -> None:
    text = HEAD + TO_THE_SUITE + f"def forward(layer, x, **_):\n    import time\n    send({sent})\n    time.sleep(60)\n"
    started = time.monotonic()
    assert said in fault_of(tmp_path, text, timeout=1.0)
    assert time.monotonic() - started < 30


def test_a_worker_that_reads_no_request_is_given_up_in_time(tmp_path: Path) -> None:
    """The request is larger than the buffer of a pipe, so the suite cannot even write it."""
    text = HEAD + (
        "import os, signal, threading, time\n"
        "def forward(layer, x, **_):\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSTOP)).start()\n"
        "    from peerspec.reference import Output\n    return Output(x)\n"
    )
    with WorkerHost(written(tmp_path, text), timeout=2.0) as host:
        host.call("forward", {"layer": LAYER, "x": X})
        time.sleep(0.5)
        with pytest.raises(Fault, match="gave no answer within 2 s"):
            host.call("forward", {"layer": LAYER, "x": np.ones((1_000_000, 3), np.float32)})


def test_prints_of_a_backend_do_not_disturb_its_answers(tmp_path: Path) -> None:
    text = REFERENCE.replace("import forward", "import forward as right") + (
        "import sys\ndef forward(layer, x, **options):\n"
        "    print('hello'); os.write(1, b'hello'); sys.stdin.read()\n    return right(layer, x, **options)\n"
    )
    with WorkerHost(written(tmp_path, text), timeout=20) as host:
        assert host.call("forward", {"layer": LAYER, "x": X}).value.y.shape == (2, 3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["answer", "fault", "start", "refused", "modified", "changed", "state", "supported", "kind"]
            ),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(["y", "scores", "indices", "gates", "state query_norm.mean", "", "experts.u"])


@given(JSON, st.dictionaries(NAMES, st.just(np.zeros(2, np.float32)), max_size=5), st.sampled_from(METHODS))
def test_a_message_of_any_content_is_an_answer_of_the_right_type_or_none(value: Any, arrays: Any, method: str) -> None:
    try:
        found = answer_of(method, (value, arrays))
    except WireError:
        return
    if isinstance(found, Fault):
        assert str(found)
        return
    kinds = {"forward": Output, "select": Selection, "supports": bool | str} | dict.fromkeys(DICTS, dict)
    assert isinstance(found.value, kinds[method])


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_message_or_none(data: bytes) -> None:
    with pytest.raises((WireError, EOFError)):
        read_message(BytesIO(data), limited=True)


@given(st.data())
def test_a_message_with_changed_bytes_is_a_message_or_none(data: st.DataObject) -> None:
    stream = BytesIO()
    write_message(stream, *reply_of_answer("forward", Answer(Output(np.ones((2, 3), np.float32)))))
    raw = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = answer_of("forward", read_message(BytesIO(bytes(raw)), limited=True))
    except (WireError, EOFError):
        return
    assert isinstance(found, Answer)
    assert isinstance(found.value.y, np.ndarray)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"start": ["name", ["float32"]]},
        {"start": ["name", ["float32", 1], ["forward"]]},
        {"start": ["name", ["float32"], ["forward", "__init__"]]},
    ],
)
def test_a_first_message_of_another_form_is_none(value: Any) -> None:
    with pytest.raises(WireError):
        start_of((value, {}))


@pytest.mark.parametrize(
    "said",
    [
        ["raised", {}],
        ["raised", {"method": "select", "exception": "E", "detail": "d"}],
        ["process died", {"method": "forward", "detail": "d"}],
        ["raised", {"method": "forward", "exception": ["E"], "detail": "d"}],
        ["no such kind", {}],
    ],
    ids=["without values", "of another method", "that it cannot see", "with a list", "unknown"],
)
def test_a_fault_that_a_worker_cannot_have_is_none(said: Any) -> None:
    with pytest.raises(WireError):
        answer_of("forward", ({"fault": said}, {}))


def test_answers_and_faults_arrive_as_they_were_sent() -> None:
    part = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    answers = {
        "forward": Output(part, part, part.astype(np.int64), part, {"query_norm.mean": part}),
        "select": Selection(part, part.astype(np.int32)),
        "gradients": {"": part, "__metadata__": part, "x": np.array(1, np.float32)},
        "supports": "no such activation",
    }
    for method, value in answers.items():
        sent = Answer(value, ("x",), (Changed("forward", "y", False),))
        got = answer_of(method, through(reply_of_answer(method, sent)))
        assert isinstance(got, Answer)
        assert (got.modified, got.changed) == (sent.modified, sent.changed)
        assert repr(got.value) == repr(value)
    fault = Fault.of(FaultKind.RAISED, method="forward", exception="E", detail="half of a pair \udc80")
    got = answer_of("forward", through(reply_of_fault(fault)))
    assert isinstance(got, Fault)
    assert got.problem.values["detail"] == "half of a pair ?"


def through(message: Any) -> Any:
    stream = BytesIO()
    write_message(stream, *message)
    stream.seek(0)
    return read_message(stream, limited=True)


def test_the_json_of_a_message_holds_what_its_limit_says() -> None:
    text = json.dumps({"value": "a" * VALUE_LIMIT, "names": []}).encode()
    with pytest.raises(WireError, match="at most"):
        read_message(BytesIO(len(text).to_bytes(8, "little") + bytes(8) + text), limited=True)


# ---- modules


@pytest.mark.parametrize("name", ["numpy", "json", "signal", "dataclasses", "peerspec", "safetensors"])
def test_files_of_the_current_folder_do_not_take_the_place_of_modules(
    tmp_path: Path, monkeypatch: Any, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    with WorkerHost("reference", timeout=20) as host:
        assert host.call("forward", {"layer": LAYER, "x": X}).value.y.shape == (2, 3)


def test_a_module_of_the_current_folder_can_be_named(tmp_path: Path, monkeypatch: Any) -> None:
    written(tmp_path, REFERENCE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "mine.py").write_text(REFERENCE + "class B: pass\nbackend = B()\n")
    with pytest.raises(BackendError, match="lacks name"):
        WorkerHost("package.mine:backend", timeout=20)
    with WorkerHost("package.mine", timeout=20) as host:
        assert host.name == "liar"
