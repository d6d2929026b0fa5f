"""The core and its kernels for ONNX Runtime under AddressSanitizer and UndefinedBehaviorSanitizer, and random calls.

The module compiles all sources once, with the sanitizers; the tests link the objects.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from peerspec.export.ort import sources

HERE = Path(__file__).parent
FLAGS = (
    "-std=c++17 -O1 -g -fPIC -fsanitize=address,undefined -fno-sanitize-recover=all -ffp-contract=fast "
    "-Wall -Wextra -Werror -Wno-psabi"
)
FUZZ_SECONDS = "3"

pytestmark = pytest.mark.usefixtures("without_core")


@pytest.fixture(scope="module")
def compiler() -> str:
    found = shutil.which("g++") or shutil.which("clang++")
    if found is None:
        pytest.skip("needs g++ or clang++, and neither is installed")
    return found


@pytest.fixture(scope="module")
def compiled(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Compiles sources into objects and returns their paths."""
    folder = tmp_path_factory.mktemp("sanitized")
    probe = folder / "probe.cpp"
    probe.write_text("int main() {}")
    if run(compiler, *FLAGS.split(), str(probe), "-o", str(folder / "probe")).returncode:
        pytest.skip(f"{compiler} has no AddressSanitizer or UndefinedBehaviorSanitizer")

    def compile_all(*units: Path, flags: tuple[str, ...] = ()) -> list[str]:
        def one(unit: Path) -> str:
            out = str(folder / f"{unit.stem}.o")
            done = run(compiler, *FLAGS.split(), *flags, f"-I{sources.INCLUDE}", "-c", str(unit), "-o", out)
            assert done.returncode == 0, done.stderr
            return out

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, units))

    return compile_all


@pytest.fixture(scope="module")
def core(compiled: Callable[..., list[str]]) -> list[str]:
    return compiled(*(unit for unit in sources.units() if unit.parent != sources.GLUE))


@pytest.mark.parametrize(("program", "arguments"), [("driver", ()), ("fuzz", (FUZZ_SECONDS, "1"))])
def test_no_sanitizer_reports_an_error_in_the_core(compiler, compiled, core, tmp_path, program, arguments):
    objects = compiled(HERE / f"{program}.cpp")
    linked = run(compiler, *FLAGS.split(), *core, *objects, "-pthread", "-o", str(tmp_path / program))
    assert linked.returncode == 0, linked.stderr
    done = run(str(tmp_path / program), *arguments)
    assert (done.returncode, done.stdout.split(",")[0].strip()) == (0, "ok"), done.stdout + done.stderr


def test_no_sanitizer_reports_an_error_in_the_kernels_inside_onnx_runtime(compiler, compiled, core, tmp_path):
    flags = (f'-DPEERSPEC_ORT_KEY="{sources.key()}"', "-fvisibility=hidden")
    glue = compiled(*sources.GLUE.glob("*.cpp"), flags=flags)
    library = tmp_path / "kernels.so"
    linked = run(compiler, *FLAGS.split(), "-shared", *core, *glue, "-pthread", "-o", str(library))
    assert linked.returncode == 0, linked.stderr
    runtime = [run(compiler, f"-print-file-name={name}").stdout.strip() for name in ("libasan.so", "libubsan.so")]
    settings = {"LD_PRELOAD": ":".join(runtime), "ASAN_OPTIONS": "detect_leaks=0"}
    done = run(sys.executable, str(HERE / "sanitized_kernels.py"), str(library), environment=settings)
    assert (done.returncode, done.stdout.strip()) == (0, "ok"), done.stdout + done.stderr[-5000:]


def run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | (environment or {})
    )
