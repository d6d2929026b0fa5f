"""The wheel holds every package and data file, and works where nothing of the checkout is seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from peerspec import native

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS = [folder for name, folder in SETUPTOOLS["package-dir"].items() if name != "peerspec"]
COMPILED = "native/src/xla"  # in the library of the core, and in no other one

BUILD = "from setuptools.build_meta import build_wheel; build_wheel('..')"
BUILD_SOURCES = "from setuptools.build_meta import build_sdist; build_sdist('..')"
USE = """
import peerspec
from importlib.resources import files
from peerspec.conformance.vectors import HOME
assert (HOME / "manifest.json").is_file()
assert files("peerspec.conformance.render").joinpath("report.html").is_file()
assert peerspec.check_backend("reference", size="minimal", only=["gates"]).exit_status == 0
print(peerspec.__file__)
"""


def _files(room: str) -> set[str]:
    """The files of a room that belong into the wheel, by their paths in the checkout."""
    found = (path for path in _all_files(ROOT / room) if path.suffix != ".so" and not path.name.startswith("."))
    names = {path.relative_to(ROOT).as_posix() for path in found}
    return {name for name in names if not name.startswith(COMPILED)}


def _all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the files of this checkout, without the native core, which takes a minute to compile."""
    pytest.importorskip("setuptools", reason="setuptools builds the wheel, and is not installed")
    copy = tmp_path_factory.mktemp("wheel") / "source"
    for room in (*ROOMS, "package"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    environment = {"PATH": "", "CC": "false", "CXX": "false"}
    subprocess.run([sys.executable, "-c", BUILD], cwd=copy, env=environment, check=True, capture_output=True)
    return next(copy.parent.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    """The wheel, unpacked into a folder of its own."""
    folder = wheel.parent / "site"
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_one_wheel_serves_all_versions_of_python(wheel):
    assert "-cp311-abi3-" in wheel.name


@pytest.mark.skipif(not native.available(), reason=native.unavailable_reason() or "the core is there")
def test_the_core_is_found_by_all_versions_of_python():
    assert (ROOT / "native" / "_core.abi3.so").is_file()


def test_the_source_distribution_holds_the_specification_the_pages_and_the_sources_of_the_core(tmp_path):
    pytest.importorskip("setuptools", reason="setuptools builds it, and is not installed")
    copy = tmp_path / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.so", ".*", "build", "node_modules", "report", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=skipped)
    subprocess.run([sys.executable, "-c", BUILD_SOURCES], cwd=copy, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"SPEC.md", "SPEC-ONNX.md", "docs/bounds.md", "docs/tutorial-backend.md", "native/src/xla/interface.h"}
    assert wanted | {"native/include/peerspec_native.h", "tests/test_spec.py", "LICENSE"} <= names


def test_every_room_is_declared():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"package"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_the_wheel_holds_every_file_of_a_room(site, room):
    packed = {path.relative_to(site / "peerspec").as_posix() for path in _all_files(site / "peerspec" / room)}
    assert packed == _files(room)


def test_the_wheel_holds_the_package_itself(site):
    files = {path.name for path in (site / "peerspec").iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}


def test_the_installed_package_works_in_an_empty_folder(python, site):
    done = python("-c", USE, path=site)
    assert done.stdout.startswith(str(site)), done.stderr


def test_the_installed_command_works_in_an_empty_folder(python, site):
    assert python("-m", "peerspec", "vectors", "path", path=site).stdout.startswith(str(site))
