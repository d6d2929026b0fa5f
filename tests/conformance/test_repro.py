"""Repros: a failure is written, read as data alone and replayed; another file is refused in one sentence."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from peerspec.backends import load, reference
from peerspec.backends.process import Command
from peerspec.cli import main
from peerspec.conformance import Finding, check_backend
from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.cases.case import Case, Halves, Subject
from peerspec.conformance.cases.layouts import layout
from peerspec.conformance.repro import Repro, ReproError, replay, write_repro
from peerspec.conformance.repro.file import KEY, VERSION, publish, read
from peerspec.conformance.repro.repro import BackendKind
from peerspec.files import atomic_file
from peerspec.reference import PRECISIONS, SPEC_VERSION, Layer, PeerConfig, PeerError

MUTANTS = Path(__file__).parents[1] / "mutants"
NAMES = ["halves_swapped", "ties_of_signed_zeros", "gradient_rows_in_input_dtype", "strides_ignored"]


@cache
def failure(name: str) -> Finding:
    found = check_backend(load(mutant(name)), size="minimal", stop_early=True).first
    assert found
    return found


def mutant(name: str) -> str:
    return str(MUTANTS / f"{name}.py")


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("repros")

    @cache
    def write(name: str) -> Path:
        return write_repro(mutant(name), failure(name), folder)

    return write


@pytest.fixture
def peerspec(capfd: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    def run(*arguments: object) -> SimpleNamespace:
        status = main([str(argument) for argument in arguments])
        found = capfd.readouterr()
        assert "Traceback" not in found.out + found.err
        return SimpleNamespace(status=status, out=found.out, err=found.err)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_repro_fails_at_the_same_clause_and_holds_for_a_backend_without_the_defect(name, written):
    again = replay(written(name), mutant(name))
    assert again.status == 1
    assert again.text.startswith(f"{failure(name).clauses[0]} fails: {failure(name).check} in ")
    assert replay(written(name), "reference").status == 0


def test_the_exit_status_is_1_for_a_failure_0_if_it_holds_and_2_if_it_cannot_be_run(written, tmp_path):
    program = written("halves_swapped")
    runs = {}
    for backend in ([], ["reference"], ["no.such.module:backend"]):
        done = subprocess.run([sys.executable, program, *backend], cwd=tmp_path, capture_output=True, text=True)
        runs[done.returncode] = done.stdout
        assert not done.stderr
    assert list(runs) == [1, 0, 2]
    assert "expected 0.0, got -1.0, bound 0.0" in runs[1]
    assert "QRY-2 holds" in runs[0]


@pytest.mark.parametrize("flags", [[], ["-P"]])
def test_the_program_imports_nothing_that_lies_beside_it(written, tmp_path, flags):
    program = shutil.copy(written("halves_swapped"), tmp_path)
    shutil.copy(written("halves_swapped").with_suffix(".safetensors"), tmp_path)
    for name in ("pathlib", "json", "numpy", "peerspec", "safetensors"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file beside the program was executed')")
    done = subprocess.run(
        [sys.executable, *flags, program, "reference"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_replays_either_file_and_executes_neither(written, tmp_path, peerspec):
    source, copy = written("halves_swapped"), tmp_path / written("halves_swapped").name
    shutil.copy(source.with_suffix(".safetensors"), tmp_path)
    copy.write_text("raise SystemExit('executed')")
    for path in (copy, copy.with_suffix(".safetensors")):
        assert peerspec("repro", path, mutant("halves_swapped")).status == 1
        assert peerspec("repro", path, "reference").status == 0


def test_a_file_cannot_choose_code_to_run(written, peerspec):
    result = peerspec("repro", written("halves_swapped"))
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert f"pass {mutant('halves_swapped')}" in result.err


def test_check_writes_a_repro_and_says_how_to_replay_it(tmp_path, peerspec):
    name = mutant("halves_swapped")
    folder, report = tmp_path / "new" / "folder", tmp_path / "report.json"
    options = ("--size", "minimal", "--only", "query", "--repro", folder, "--json", report)
    result = peerspec("check", name, *options)
    [program] = folder.glob("*.py")
    assert result.status == 1
    assert f"peerspec repro {program} {name}" in result.out
    assert str(program) in report.read_text()
    assert not list(folder.glob(".*"))


def test_nothing_is_written_for_a_backend_that_holds(tmp_path, peerspec):
    assert peerspec("check", "reference", "--size", "minimal", "--only", "query", "--repro", tmp_path).status == 0
    assert not list(tmp_path.iterdir())


def test_equal_failures_have_one_name_and_another_file_of_that_name_is_left_alone(written, tmp_path):
    name = "halves_swapped"
    first = write_repro(mutant(name), failure(name), tmp_path)
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]
    assert write_repro(mutant(name), failure(name), tmp_path).name == first.name == written(name).name
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())] == times
    first.write_text("mine")
    with pytest.raises(ReproError, match="holds something else; move it away"):
        write_repro(mutant(name), failure(name), tmp_path)
    assert first.read_text() == "mine"


def test_a_passing_check_and_a_failure_that_cannot_be_repeated_have_no_repro(tmp_path):
    passed = replace(failure("halves_swapped"), status="pass")
    with pytest.raises(ReproError, match="only a failure can be replayed"):
        write_repro(mutant("halves_swapped"), passed, tmp_path)
    with pytest.raises(ReproError, match="runs alone"):
        write_repro("reference", failure("halves_swapped"), tmp_path)
    with pytest.raises(ReproError, match="names no case"):
        write_repro("reference", replace(failure("halves_swapped"), case=""), tmp_path)


def test_a_repro_does_not_apply_to_a_backend_that_need_not_answer(written):
    lean = SimpleNamespace(name="lean", profiles=["float32"], forward=reference.forward)
    found = replay(written("ties_of_signed_zeros"), lean)
    assert (found.status, "lean does not claim select" in found.text) == (2, True)
    picky = SimpleNamespace(**vars(lean), supports=lambda config, dtype: "not today")
    found = replay(written("halves_swapped"), picky)
    assert (found.status, "declines the configuration (not today)" in found.text) == (2, True)


def test_a_backend_that_gives_no_answer_has_a_repro_too(tmp_path):
    def forward(layer: Any, x: Any, **options: Any) -> Any:
        if layer.config.top_k > 2:
            raise IndexError('k\nis \'too\' """ large\x00\\')
        return reference.forward(layer, x, **options)

    backend = SimpleNamespace(name="object", profiles=["float32"], forward=forward)
    [error, *_] = check_backend(backend, size="minimal", only=["structure.answer"]).of("fail")
    program = write_repro(backend, error, tmp_path)
    assert program.name.startswith("repro_CNF-4_")
    repro = read(program)
    assert (repro.clause, repro.fault) == ("CNF-4", "")
    subject = repro.subject
    assert isinstance(subject, Case)
    assert subject.layer.config.top_k == 3
    compile(program.read_text(), program.name, "exec")
    assert replay(program, backend).status == 1
    assert replay(program, "reference").status == 0
    assert "name a backend" in replay(program, None).text


def test_a_failure_found_by_exploration_is_written_with_the_check_that_failed(tmp_path):
    report = check_backend(load(mutant("ties_of_two_swapped")), only=["explore.select"], profiles=["select"])
    assert report.first
    program = write_repro(mutant("ties_of_two_swapped"), report.first, tmp_path)
    assert read(program).check == "select.ids"
    assert replay(program, mutant("ties_of_two_swapped")).status == 1


SUBJECTS = ["exact.relu", "shape.strided", "shape.none", "shape.empty", "norm.masked", "gradient.masked", "finite.nan"]
SUBJECTS += ["shape.columns", "shape.tables", "gradient.columns"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("case", SUBJECTS)
def test_every_part_of_a_case_is_read_back_bit_for_bit(case, precision, tmp_path):
    [definition] = [definition for definition in LAYER_CASES if definition.name == case]
    old = definition.make(PRECISIONS[precision], 0)
    new = read(publish(_repro(old, precision), tmp_path)).subject
    assert isinstance(new, Case)
    assert (new.name, new.exact, new.training, new.layer.config) == (
        old.name,
        old.exact,
        old.training,
        definition.config,
    )
    parts = [(new.x, old.x), (new.mask, old.mask), (new.dy, old.dy)]
    for a, b in [*parts, *((new.layer.params[name], old.layer.params[name]) for name in old.layer.params)]:
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.dtype, a.shape, layout(a), a.tobytes()) == (b.dtype, b.shape, layout(b), b.tobytes())


IN_MEMORY = ["x_read_in", "tables_read_in", "dy_read_in", "select_reads"]


@pytest.mark.parametrize("name", ["strides_ignored", *(f"{name}_memory_order" for name in IN_MEMORY)])
def test_a_backend_that_mistakes_the_order_of_memory_fails_its_repro_too(name, tmp_path):
    report = check_backend(load(mutant(name)), profiles=["float32", "core", "select", "training"], stop_early=True)
    assert report.first
    program = write_repro(mutant(name), report.first, tmp_path)
    assert replay(program, mutant(name)).status == 1
    assert replay(program, "reference").status == 0


def test_half_scores_are_read_back_with_the_signs_of_zeros(tmp_path):
    new = read(publish(_repro(HALVES, "float32"), tmp_path)).subject
    assert isinstance(new, Halves)
    assert (new.name, new.k) == ("zeros", 3)
    assert np.signbit(new.scores1).tolist() == [[True, False]]


HALVES = Halves("zeros", np.array([[-0.0, 0.0]], "f4"), np.array([[1.0, 2.0]], "f4"), 3)


def _repro(subject: Subject, precision: str = "float32", **more: str) -> Repro:
    fields = {"check": "select.ids", "clause": "SEL-2", "fault": "", "message": "m", "backend": "b"}
    kind = BackendKind(more.pop("kind", "name"))
    return Repro(**fields | {"spec": SPEC_VERSION, "precision": precision} | more, kind=kind, subject=subject)


@pytest.mark.parametrize("kind", ["name", "command", "object"])
def test_the_program_is_valid_python_for_any_name_and_message(kind, tmp_path):
    nasty = 'a"b\'c\n"""\\ {x}'
    program = publish(_repro(HALVES, backend=nasty, kind=kind, message="1\n\x0cimport os\r\n\x00 ü {"), tmp_path)
    text = program.read_text("utf-8")
    compile(text, program.name, "exec")
    assert "\nimport os" not in text
    assert ("Command(" in text) == (kind == "command")


def test_a_program_in_another_language_is_named_as_its_words(written, tmp_path):
    backend = Command([sys.executable, "-c", "print('no protocol')"])
    found = replay(written("halves_swapped"), backend)
    assert found.status == 2


def _metadata(**changes: Any) -> bytes:
    about = {
        "version": VERSION,
        "memory": {},
        "spec": SPEC_VERSION,
        "case": "c",
        "k": 1,
        "check": "select.ids",
        "clause": "SEL-2",
    }
    about |= {"precision": "float32", "message": "", "fault": "", "backend": "b", "kind": "name"}
    halves = {"scores1": np.ones((1, 2), "f4"), "scores2": np.ones((1, 2), "f4")}
    return save(halves, {KEY: json.dumps(about | changes)})


def _layer(**changes: Any) -> bytes:
    about = {
        "version": VERSION,
        "memory": {},
        "spec": SPEC_VERSION,
        "case": "c",
        "check": "output.sum",
        "clause": "OUT-1",
    }
    about |= {
        "precision": "float32",
        "message": "",
        "fault": "",
        "backend": "b",
        "kind": "name",
        "exact": False,
        "training": False,
    }
    layer = Layer.random(PeerConfig(3, 1, 4, 2, 2), dtype=np.float32)
    about["config"] = asdict(layer.config)
    return save({**layer.params, "x": np.ones((1, 3), "f4")}, {KEY: json.dumps(about | changes)})


GARBAGE = {
    "empty": b"",
    "noise": bytes(range(256)) * 4,
    "endless header": b"\xff" * 8 + b"{}",
    "a layer without metadata": save({"keys": np.ones(3)}),
    "metadata that is no JSON": save({"x": np.ones(3)}, {KEY: "{"}),
    "metadata that is a list": save({"x": np.ones(3)}, {KEY: "[]"}),
    "nested too deep": save({"x": np.ones(3)}, {KEY: "[" * 100_000}),
    "another version": _metadata(version=VERSION + 1),
    "another specification": _metadata(spec="7.0"),
    "a number for the specification": _metadata(spec=7),
    "an unknown precision": _metadata(precision="float8"),
    "an unknown check": _metadata(check="no.such"),
    "an exploration": _metadata(check="explore.layer"),
    "an unknown field": _metadata(more=1),
    "k out of range": _metadata(k=5),
    "k that is text": _metadata(k="1"),
    "an unknown kind of backend": _metadata(kind="rumour"),
    "a backend that is a number": _metadata(backend=3),
    "a precision that is a list": _metadata(precision=["float32"]),
    "an unknown order of memory": _metadata(memory={"scores1": "diagonal"}),
    "no order of memory": _metadata(memory=[]),
    "text for yes or no": _layer(exact="yes"),
    "a number for yes or no": _layer(training=2),
    "a layer that is half scores as well": _layer(k=1),
    "a layer's configuration": _metadata(config={"heads": 2}),
    "integers": save({"scores1": np.ones((1, 2), "i4"), "scores2": np.ones((1, 2), "i4")}, {KEY: "{}"}),
    "cut off": _metadata()[:-3],
}


@pytest.mark.parametrize("what", GARBAGE)
def test_a_file_that_is_no_repro_is_one_sentence(what, tmp_path, peerspec):
    path = tmp_path / "found.safetensors"
    path.write_bytes(GARBAGE[what])
    result = peerspec("repro", path, "reference")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("whole", [_metadata, _layer])
def test_without_its_change_each_bad_file_is_a_repro(whole, tmp_path):
    path = tmp_path / "found.safetensors"
    path.write_bytes(whole())
    assert replay(path, "reference").status == 0


@pytest.mark.parametrize("path", ["missing.py", "missing.safetensors", "."])
def test_a_path_without_a_repro_is_one_sentence(path, tmp_path, peerspec):
    result = peerspec("repro", tmp_path / path)
    assert (result.status, result.err.count("\n")) == (2, 1)


def test_a_changed_file_is_noticed(written, tmp_path):
    source = written("halves_swapped").with_suffix(".safetensors")
    data = bytearray(source.read_bytes())
    data[-1] ^= 1
    (tmp_path / source.name).write_bytes(data)
    with pytest.raises(PeerError, match="was changed since it was written"):
        read(tmp_path / source.name)


def test_a_directory_that_cannot_be_written_is_known_before_the_run(tmp_path, peerspec):
    (tmp_path / "file").write_text("")
    result = peerspec("check", "reference", "--size", "minimal", "--repro", tmp_path / "file")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("full", [".safetensors", ".py"])
@pytest.mark.parametrize("step", ["write", "sync"])
def test_a_repro_that_cannot_be_written_whole_leaves_nothing(written, tmp_path, monkeypatch, full, step):
    def fail(*_):
        raise OSError(28, "No space left on device")

    if step == "sync":
        sync = atomic_file.sync_file
        monkeypatch.setattr(atomic_file, "sync_file", lambda path: fail() if f"{full}." in path.name else sync(path))
    else:
        enter = atomic_file.AtomicFile.__enter__
        monkeypatch.setattr(
            atomic_file.AtomicFile, "__enter__", lambda file: fail() if file.path.suffix == full else enter(file)
        )
    monkeypatch.setattr("peerspec.files.temporary_name._KEPT", 100)
    with pytest.raises(ReproError, match="No space left on device"):
        publish(read(written("halves_swapped")), tmp_path)
    assert list(tmp_path.iterdir()) == []
