"""Hosts: objects in this process, named backends in a worker, and the faults of both."""

from __future__ import annotations

import time
from enum import Enum
from threading import get_ident
from types import SimpleNamespace

import numpy as np
import pytest

from peerspec.backends import BackendError, reference
from peerspec.conformance import check_backend
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.reference import Layer, PeerConfig

LAYER = Layer.random(PeerConfig(3, 2, 4, 2, 4, activation="relu"))
X = np.ones((2, 3), np.float32)


def test_an_object_that_hangs_is_given_up_after_the_limit():
    hanging = SimpleNamespace(name="h", profiles=["float32"], forward=lambda *_, **__: time.sleep(30))
    report = check_backend(hanging, size="minimal", timeout=0.2)
    assert report.exit_status == 2
    assert len(report.of("error")) == 1
    assert "gave no answer within 0.2 s" in str(report.verdict)


def test_an_object_without_a_limit_is_called_in_this_thread():
    threads: list[int] = []

    def forward(layer, x, **_):
        threads.append(get_ident())
        return reference.forward(layer, x)

    backend = SimpleNamespace(name="e", profiles=["float32"], forward=forward)
    for timeout in (float("inf"), 60):
        open_host(backend, timeout=timeout).call("forward", {"layer": LAYER, "x": X})
    assert threads[0] == get_ident() != threads[1]


@pytest.mark.parametrize(
    ("backend", "timeout"),
    [("reference", float("inf")), ("reference", 0.0), (SimpleNamespace(), float("nan")), ("reference", 1e10)],
)
def test_a_timeout_that_is_no_limit_is_refused(backend, timeout):
    with pytest.raises(BackendError, match="pass a number above 0"):
        open_host(backend, timeout=timeout)


@pytest.mark.parametrize("backend", [SimpleNamespace(name="x"), SimpleNamespace, 3])
def test_an_object_without_the_contract_is_refused(backend):
    with pytest.raises(BackendError, match=r"lacks|is the class"):
        open_host(backend, timeout=1)


def test_a_worker_that_hung_gives_the_same_fault_at_the_next_call(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("import time\nname='s'; profiles=['float32']\ndef forward(layer, x, **_): time.sleep(30)\n")
    host = WorkerHost(str(path), timeout=0.2)
    for _ in range(2):
        with pytest.raises(Fault, match="no answer within"):
            host.call("forward", {"layer": LAYER, "x": X})
    assert host._process.returncode is not None


def test_profiles_of_an_enum_of_the_backend_become_plain_strings(tmp_path):
    mine = Enum("mine", {"F": "float32"}, type=str)  # its str() is "mine.F"
    path = tmp_path / "enums.py"
    path.write_text(
        "from enum import Enum\nclass P(str, Enum):\n    F = 'float32'\nname='e'; profiles=[P.F]\nforward=print\n"
    )
    with WorkerHost(str(path), timeout=5) as host:
        assert host.profiles == {"float32"}
        assert {type(profile) for profile in host.profiles} == {str}
    assert open_host(SimpleNamespace(name="e", profiles=[mine.F], forward=print), timeout=1).profiles == {"float32"}


def test_a_closed_worker_has_ended():
    with WorkerHost("reference", timeout=5) as host:
        assert host.call("forward", {"layer": LAYER, "x": X}).value.y.shape == (2, 3)
    assert host._process.poll() is not None


def test_a_worker_that_cannot_start_is_noticed_at_once(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    started = time.monotonic()
    with pytest.raises(BackendError, match="its process died during the import"):
        WorkerHost("reference", timeout=5)
    assert time.monotonic() - started < 10
