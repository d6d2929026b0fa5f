"""The example programs in C and JavaScript are conformant, and generate the same inputs as the suite."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from peerspec.backends.process import Command
from peerspec.conformance import check_backend
from peerspec.conformance.inputs import dyadic
from peerspec.conformance.vectors import HOME

EXAMPLES = Path(__file__).parents[2] / "examples"
CLAIMS = ("float32", "float64", "glu", "per-head-keys", "query-bias", "select", "sigmoid")
MANIFEST = json.loads((HOME / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def c_peer(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The C program, built as its README says, with warnings as errors."""
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("no C compiler; install make and gcc or clang")
    folder = tmp_path_factory.mktemp("harness") / "c"
    shutil.copytree(EXAMPLES / "harness_c", folder, ignore=shutil.ignore_patterns("peer"))
    flags = "CFLAGS=-O2 -Wall -Wextra -pedantic -Werror"
    subprocess.run(["make", "-s", "-C", str(folder), "CC=cc", flags], check=True)
    return [str(folder / "peer")]


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if not found:
        pytest.skip("no JavaScript; install Node.js 20 or newer")
    return found


@pytest.fixture(scope="module", params=["c", "js"])
def peer(request: pytest.FixtureRequest) -> list[str]:
    """The command of one of the programs, as a list of words."""
    if request.param == "c":
        words: list[str] = request.getfixturevalue("c_peer")
        return words
    return [request.getfixturevalue("node"), str(EXAMPLES / "harness_js" / "peer.mjs")]


def test_a_program_is_conformant_in_all_it_claims(peer: list[str]) -> None:
    report = check_backend(Command(peer), size="minimal")
    assert str(report.verdict) == "conformant", [finding.message for finding in report.of("fail", "error")]
    assert report.claimed == CLAIMS


@pytest.mark.parametrize("file", ["inputs", "layer.numeric.float64", "select.ties.float32"])
def test_a_program_generates_the_frozen_inputs_bit_for_bit(peer: list[str], file: str) -> None:
    for recipe in MANIFEST["files"][f"{file}.safetensors"]["tensors"].values():
        expected = dyadic(**{**recipe, "shape": tuple(recipe["shape"]), "dtype": np.float64})
        assert _generate(peer, recipe, expected.size) == [f"{bits:016x}" for bits in expected.ravel().view(np.uint64)]


def test_a_program_generates_extreme_inputs(peer: list[str]) -> None:
    for bits, exponent in ((1, 0), (53, -1000), (53, 1023), (8, -40)):
        recipe = {"seed": 2**64 - 1, "name": "größe/é", "bits": bits, "exponent": exponent}
        expected = dyadic(**recipe, shape=(50,), dtype=np.float64)
        assert _generate(peer, recipe, 50) == [f"{value:016x}" for value in expected.view(np.uint64)]


def test_the_error_function_in_javascript_keeps_its_bound(node: str) -> None:
    points = [k / 256 for k in range(-2000, 2001)]
    script = (
        f"import {{ erf }} from {json.dumps((EXAMPLES / 'harness_js' / 'activations.mjs').as_uri())};"
        f"console.log(JSON.stringify({json.dumps(points)}.map(erf)))"
    )
    ran = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, check=True, timeout=60)
    found = json.loads(ran.stdout)
    # PRC-4 allows 16u; the error of math.erf is below 1u
    assert max(abs(got - math.erf(x)) for got, x in zip(found, points, strict=True)) < 15 * 2.0**-53


def _generate(peer: list[str], recipe: dict[str, object], count: int) -> list[str]:
    words = [str(recipe[key]) for key in ("seed", "name", "bits", "exponent")]
    ran = subprocess.run([*peer, "generate", *words, str(count)], capture_output=True, check=True, timeout=60)
    return ran.stdout.decode().split()
