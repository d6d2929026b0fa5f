"""The core under AddressSanitizer and UndefinedBehaviorSanitizer, at the ends of exact buffers."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "backends" / "native"
FLAGS = (
    "-std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -ffp-contract=fast "
    "-Wall -Wextra -Werror -Wno-psabi"
)


@pytest.mark.usefixtures("without_core")
def test_no_sanitizer_complains(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("needs g++ or clang++, and neither is installed")
    probe = tmp_path / "probe.cpp"
    probe.write_text("int main() {}")
    if run(compiler, *FLAGS.split(), str(probe), "-o", str(tmp_path / "probe")).returncode:
        pytest.skip(f"{compiler} has no AddressSanitizer or UndefinedBehaviorSanitizer")
    sources = [*sorted((CORE / "src").glob("*.cpp")), Path(__file__).with_name("driver.cpp")]
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(lambda source: compiled(compiler, source, tmp_path), sources))
    linked = run(compiler, *FLAGS.split(), *objects, "-pthread", "-o", str(tmp_path / "driver"))
    assert linked.returncode == 0, linked.stderr
    done = run(str(tmp_path / "driver"))
    assert (done.returncode, done.stdout.strip()) == (0, "ok"), done.stdout + done.stderr


def compiled(compiler: str, source: Path, folder: Path) -> str:
    out = str(folder / f"{source.stem}.o")
    done = run(compiler, *FLAGS.split(), f"-I{CORE / 'include'}", "-c", str(source), "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300)
