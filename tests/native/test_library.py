"""The core is optional: the errors if it is missing, and what its import imports."""

import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from peerspec import native
from peerspec.backends import BackendError, load
from peerspec.native import library


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As after an installation without a compiler."""
    monkeypatch.setattr(library, "_NAME", "peerspec.native._absent")
    library._load.cache_clear()
    yield
    library._load.cache_clear()


@pytest.mark.usefixtures("missing", "without_core")
def test_a_missing_core_is_an_error_of_one_sentence() -> None:
    assert not native.available()
    assert "was not built" in native.unavailable_reason()
    with pytest.raises(native.NativeError, match=r"was not built .* install g\+\+ or clang"):
        native.select(np.zeros(3), np.zeros(3), 1)


@pytest.mark.usefixtures("missing", "without_core")
def test_the_backend_without_the_core_is_an_error_of_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "peerspec.backends.native.backend", raising=False)
    with pytest.raises(BackendError, match="was not built"):
        load("peerspec.backends.native.backend")


@pytest.mark.usefixtures("without_core")
def test_a_library_without_a_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    signatures = {"peerspec_of_another_version": ()}
    monkeypatch.setattr(library, "SIGNATURES", signatures)
    library._load.cache_clear()
    try:
        assert (
            "peerspec_of_another_version" in native.unavailable_reason()
            or "was not built" in native.unavailable_reason()
        )
    finally:
        library._load.cache_clear()


def test_a_build_of_an_older_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "INTERFACE", 0)
    library._load.cache_clear()
    try:
        assert "was built from other sources" in native.unavailable_reason()
    finally:
        library._load.cache_clear()


@pytest.mark.usefixtures("without_core")
def test_the_interface_and_all_sources_are_those_of_the_build() -> None:
    root = Path(library.__file__).parents[1]
    (extension,) = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    named = {root / name for name in (*extension["sources"], *extension["depends"])}
    written = [path for room in ("src", "include") for path in (root / "native" / room).rglob("*")]
    assert named == {path for path in written if path.suffix in (".cpp", ".h")}
    header = (root / "native/include/peerspec_native.h").read_text()
    assert f"#define PEERSPEC_INTERFACE {library.INTERFACE}\n" in header


@pytest.mark.usefixtures("without_core")
def test_importing_the_core_imports_no_framework() -> None:
    code = "import sys, peerspec.native; print({'torch', 'jax', 'onnxruntime'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.usefixtures("without_core")
def test_the_package_imports_without_the_core() -> None:
    assert importlib.reload(native).ISAS == ("plain", "avx2", "avx512")
