"""Build and load the library: a missing part is one sentence, and no old or partial library is used."""

import ctypes
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from peerspec.export import ort
from peerspec.export.ort import sources

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


@pytest.fixture
def compiler(tmp_path: Path) -> Callable[[str], str]:
    """A program instead of a compiler."""

    def make(script: str) -> str:
        path = tmp_path / "c++"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_without_a_compiler_the_sentence_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ort.KernelError, match=r"a C\+\+17 compiler \(g\+\+ or clang\+\+\) is not found; install g\+\+"):
        ort.build(tmp_path / "lib.so")
    monkeypatch.setenv("CXX", "g++-99")
    with pytest.raises(ort.KernelError, match=r"the C\+\+ compiler 'g\+\+-99' is not found"):
        ort.build(tmp_path / "lib.so")


def test_a_compiler_that_fails_is_quoted_and_nothing_is_left(tmp_path, compiler):
    broken = compiler("echo noise >&2; echo 'expert_stage.h:1: error: no lambdas here' >&2; exit 1")
    folder = tmp_path / "out"
    with pytest.raises(
        ort.KernelError, match=r"cannot compile the kernels: expert_stage\.h:1: error: no lambdas here; a compil"
    ):
        ort.build(folder / "lib.so", compiler=broken)
    assert not list(folder.iterdir())


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, compiler):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ort.KernelError, match=r"cannot write .*: Not a directory; pass build\(path\) .*XDG_CACHE_HOME"):
        ort.build(compiler=compiler("exit 0"))
    with pytest.raises(ort.KernelError, match="is a folder"):
        ort.build(tmp_path)


def test_flags_of_its_own_need_a_path_of_its_own():
    with pytest.raises(ort.KernelError, match="pass path"):
        ort.build(flags=["-g"])


def test_a_library_of_these_sources_is_not_compiled_again(tmp_path, library, compiler):
    copy = shutil.copy(library, tmp_path / "lib.so")
    before = copy.stat()
    assert ort.build(copy, compiler=compiler("exit 1")) == copy
    assert copy.stat() == before


def test_every_change_of_a_source_names_another_library(monkeypatch, tmp_path):
    before = sources.key()
    changed = shutil.copytree(sources.GLUE, tmp_path / "src")
    (changed / "library.cpp").write_bytes((changed / "library.cpp").read_bytes() + b"\n")
    monkeypatch.setattr(sources, "GLUE", changed)
    sources.key.cache_clear()
    try:
        assert sources.key() != before
        assert before not in str(ort.cached())
    finally:
        sources.key.cache_clear()


def tiny_library(path: Path, source: str) -> Path:
    if (compiler := shutil.which("cc") or shutil.which("gcc")) is None:
        pytest.skip("needs a C compiler, and none is installed")
    subprocess.run([compiler, "-shared", "-fPIC", "-xc", "-", "-o", path], input=source, text=True, check=True)
    return path


def key_library(path: Path, key: str) -> Path:
    return tiny_library(path, f'const char* peerspec_ort_key(void) {{ return "peerspec_ort_key={key}"; }}')


def test_a_library_of_other_sources_is_refused_and_replaced(tmp_path, library, compiler):
    stale = key_library(tmp_path / "lib.so", "0123")
    with pytest.raises(ort.KernelError, match=rf"was built from other sources \(0123, these are {sources.key()}\)"):
        ort.register(onnxruntime.SessionOptions(), stale)
    # instead of the real compiler, which takes half a minute
    copying = compiler(f'while [ "$1" != -o ]; do shift; done; cp {library} "$2"')
    assert ort.build(stale, compiler=copying) == stale
    assert ort.register(onnxruntime.SessionOptions(), stale) == stale.resolve()


def test_a_library_replaced_under_a_running_process_is_not_mistaken_for_the_new_one(tmp_path, library):
    path = key_library(tmp_path / "lib.so", "0123")
    ctypes.CDLL(str(path))
    path.unlink()
    shutil.copy(library, path)
    with pytest.raises(ort.KernelError, match="replaced after this process had loaded it; start a new process"):
        ort.register(onnxruntime.SessionOptions(), path)


def test_a_library_for_another_system_another_library_or_none_is_one_sentence(tmp_path, library):
    options, broken = onnxruntime.SessionOptions(), tmp_path / "broken.so"
    image = bytearray(library.read_bytes())
    image[18:20] = b"\xf7\x00"  # the machine in an ELF header: BPF
    broken.write_bytes(image)
    with pytest.raises(ort.KernelError, match=rf"{broken} does not load on this system \(.+\); build it again"):
        ort.register(options, broken)
    broken.write_bytes(image[:1000])
    with pytest.raises(ort.KernelError, match="is not a whole library of peerspec's kernels"):
        ort.register(options, broken)
    with pytest.raises(ort.KernelError, match="is not a whole library of peerspec's kernels"):
        ort.register(options, tiny_library(tmp_path / "other.so", "int other;"))
    with pytest.raises(ort.KernelError, match="is not a file; build it"):
        ort.register(options, tmp_path / "absent.so")


def test_a_runtime_that_refuses_the_library_is_quoted(library):
    class Old:
        def register_custom_ops_library(self, path: str) -> None:
            raise RuntimeError("peerspec's kernels need ONNX Runtime 1.17 or newer")

    with pytest.raises(ort.KernelError, match=r"ONNX Runtime refuses .*: peerspec's kernels need ONNX Runtime 1\.17"):
        ort.register(Old(), library)


def test_registering_twice_changes_nothing(tmp_path, library):
    options = onnxruntime.SessionOptions()
    assert ort.register(options, library) == ort.register(options, library) == ort.register(options)
    other = shutil.copy(library, tmp_path / "other.so")
    with pytest.raises(ort.KernelError, match=r"already hold the kernels of .*; make new options"):
        ort.register(options, other)
    assert ort.register(onnxruntime.SessionOptions(), other) == other


def test_the_library_is_compiled_as_the_core_is():
    (extension,) = PROJECT["ext-modules"]
    assert list(sources.FLAGS) == extension["extra-compile-args"]


def test_an_installed_package_holds_all_that_is_compiled():
    packed = set()
    for package in ("peerspec.native", "peerspec.export.ort"):
        folder = ROOT / package.removeprefix("peerspec.").replace(".", "/")
        packed |= {path for pattern in PROJECT["package-data"][package] for path in folder.glob(pattern)}
    rooms = (sources.GLUE, sources.INCLUDE, sources.INCLUDE.parent / "src")
    # subfolders hold the functions for XLA, which are not in this library
    needed = {path for room in rooms for path in room.iterdir() if path.is_file()}
    assert needed == packed
