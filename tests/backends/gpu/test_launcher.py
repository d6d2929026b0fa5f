"""The launcher of JAX over a driver that records, and programs for CUDA made where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peerspec import native

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not native.available(), reason=f"needs the native core: {native.unavailable_reason()}")


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, str(HERE / "launcher_program.py"), *arguments]
    return subprocess.run(command, env=own | environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, cc, to build the recording driver")
    path = tmp_path_factory.mktemp("driver") / "libcuda.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, HERE / "recording_driver.c"], check=True)
    return str(path)


def test_a_launch_passes_arrays_numbers_and_grid_and_loads_its_kernel_once(driver: str, tmp_path: Path) -> None:
    record = tmp_path / "record"
    done = program("started", PEERSPEC_LIBCUDA=driver, RECORD=str(record))
    assert done.stdout == "[15.0, 18.0, 21.0, 24.0, 27.0] [30.0, 36.0, 42.0, 48.0, 54.0]\n", done.stderr
    assert record.read_text() == "load\n" + 2 * "sum_parts_kernel 1 1 1 128\n"


def test_an_error_of_the_driver_is_one_sentence(driver: str, tmp_path: Path) -> None:
    done = program("started", PEERSPEC_LIBCUDA=driver, RECORD=str(tmp_path / "record"), FULL="1")
    assert "peerspec: the GPU driver cannot start sum_parts_kernel: out of memory" in done.stderr


def test_a_missing_driver_is_one_sentence() -> None:
    done = program("started", PEERSPEC_LIBCUDA="/nowhere/libcuda.so")
    assert "peerspec: the driver of NVIDIA, libcuda.so.1, is not found; install it" in done.stderr


@pytest.mark.parametrize("capability", ["80", "100"])
def test_the_layer_and_its_gradients_are_exported_for_cuda_with_their_machine_code(capability: str) -> None:
    done = program("exported", capability)
    lines = done.stdout.splitlines()
    assert [line.split(")")[0] for line in lines] == ["('cuda',", "('cpu', 'cuda'"], done.stderr
    assert all(line.endswith("True") for line in lines)


def test_an_optimiser_writes_into_the_tables_and_moments_that_it_gets() -> None:
    done = program("updated")
    calls, shared, most = map(int, done.stdout.split() or pytest.fail(done.stderr))
    assert calls > shared == 3 * 2, "two tables and the gradient of the sub-keys, each summed and finished"
    assert most == 3, "a table and its two moments"


def test_a_chip_that_is_too_old_is_refused() -> None:
    done = program("exported", "75")
    assert (
        "the chip has the capability 7.5, and the kernels need 8.0 or newer; pass a capability from 80 on"
        in done.stderr
    )


def test_a_process_that_only_imports_the_backend_can_run_a_program_that_was_exported_elsewhere() -> None:
    program = """
import importlib.metadata, jax
names, old, versions = [], jax.ffi.register_ffi_target, importlib.metadata.version

def noted(name, *arguments, platform, **options):
    names.append((name, platform))
    return old(name, *arguments, platform=platform, **options)

def version(name):
    if "triton" in name:
        raise importlib.metadata.PackageNotFoundError(name)
    return versions(name)

jax.ffi.register_ffi_target, importlib.metadata.version = noted, version
import peerspec.backends.jax
print(names)
"""
    own = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=own)
    assert "('peerspec_launch', 'CUDA')" in done.stdout
