"""The parts of the benchmarks on the CPU that no other test runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support.programs import modules_of

from peerspec.backends.torch import PEER
from peerspec.conformance import check_backend
from peerspec.reference import PeerConfig

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CONFIG = PeerConfig(12, heads=3, num_experts=49, top_k=4, d_key=6)


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    with modules_of(BENCHMARKS / "cpu", BENCHMARKS):
        yield


@pytest.mark.parametrize("name", ["TouchedRows", "JaxWithoutCore"])
def test_a_layer_that_the_benchmarks_measure_is_conformant(name):
    import verdicts

    assert check_backend(getattr(verdicts, name)(), size="minimal").conformant


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bag", [False, True])
def test_algorithm_1_computes_the_layer_and_its_gradients(bag, sparse):
    import rivals

    torch.manual_seed(0)
    layer, x = PEER(CONFIG), torch.randn(7, 12)
    rival = rivals.Algorithm1(layer, bag=bag, sparse=sparse)
    want, got = layer(x), rival(x)
    torch.testing.assert_close(got, want)
    tables = [layer.get_parameter(f"experts.{name}") for name in "uv"]
    expected, found = (torch.autograd.grad(y.square().sum(), tables) for y in (want, got))
    assert [each.is_sparse for each in found] == [sparse, sparse]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.to_dense(), other)


def test_the_package_computes_the_layer():
    pytest.importorskip("PEER_pytorch", reason="PEER-pytorch is not installed; pip install 'peerspec[examples]'")
    import rivals

    torch.manual_seed(0)
    layer, x = PEER(CONFIG), torch.randn(1, 7, 12)
    torch.testing.assert_close(rivals.package_layer(layer)(x), layer(x))


def test_the_rival_on_fbgemm_computes_the_layer_and_updates_its_rows():
    import fbgemm

    if reason := fbgemm.unavailable_reason():
        pytest.skip(f"{reason}; pip install --no-deps fbgemm-gpu-cpu==1.8.0")
    torch.manual_seed(0)
    layer, x = PEER(CONFIG), torch.randn(7, 12)
    rival, want = fbgemm.TableBatched(layer, "SGD", 0.5), layer(x)
    got = rival(x)
    torch.testing.assert_close(got, want)
    table = layer.get_parameter("experts.v")
    before, gradient = table.detach().clone(), torch.autograd.grad(want.sum(), table)[0]
    got.sum().backward()
    torch.testing.assert_close(table.detach(), before - 0.5 * gradient)


def test_every_variant_has_its_turn_in_each_round_in_another_order_after_other_tokens():
    from timing import MAX_ROUNDS, MIN_ROUNDS, in_turns

    said: list[str] = []
    found = in_turns(
        {name: lambda name=name: said.append(name) for name in "abc"}, 0.2, advance=lambda: said.append("-")
    )
    rounds = "".join(said).split("-")[1:]
    assert MIN_ROUNDS <= len(rounds) <= MAX_ROUNDS
    assert {"".join(sorted(each)) for each in rounds} == {"aabbcc"}  # cold, then warm
    assert all(each[0] == each[1] and each[2] == each[3] for each in rounds)
    assert len(set(rounds)) > 1 or len(rounds) == MIN_ROUNDS
    assert all(taken.rounds == len(rounds) for taken in found.values())


def test_a_ratio_is_against_the_fastest_rival_of_its_row_and_the_package_stands_beside_it():
    from ratios import compared
    from timing import Quartiles

    def taking(cold: float, warm: float) -> Quartiles:
        return Quartiles(cold, cold, cold, warm, 3)

    found = {"ours": taking(2, 1), "PEER-pytorch": taking(20, 12), "sparse": taking(6, 4), "bag": taking(8, 3)}
    ours, *_ = compared({"T": 64}, found, ["PEER-pytorch", "sparse", "bag", "not measured"])
    assert (ours["rival"], ours["speed"], ours["speed_warm"], ours["speed_package"]) == ("sparse", 3, 3, 10)
    assert all("speed" not in row for row in compared({"T": 64}, found, []))


def test_figures_of_two_machines_never_stand_in_one_table(tmp_path):
    import results

    about = {"processor": "AMD EPYC", "instructions": "avx512", "threads": 2, "processors": 2}
    row = {"N": 4, "D": 8, "T": 1, "variant": "a", "median": 1.0}
    results.write(tmp_path, "forward", [row], about)
    results.write(tmp_path, "forward", [row | {"variant": "b"}], about)
    results.write(tmp_path, "forward", [row], about | {"instructions": "avx2"})
    kept = {path.name: results.read(path, "forward")["rows"] for path in results.machines(tmp_path)}
    assert {name: len(rows) for name, rows in kept.items()} == {"amd-epyc-avx512-2-of-2": 2, "amd-epyc-avx2-2-of-2": 1}


def test_the_page_is_that_of_the_figures():
    from tables import markdown

    folder = BENCHMARKS / "results" / "cpu"
    assert (folder / "README.md").read_text("utf-8") == markdown(folder)
    for path in folder.glob("*/forward.json"):
        rows = json.loads(path.read_text("utf-8"))["rows"]
        assert all(row["speed"] > 0 for row in rows if row["variant"].startswith("torch, "))


@pytest.mark.parametrize(("folder", "words"), [("cpu", "Algorithm 1, embedding_bag"), ("ort", "--render")])
def test_the_command_finds_all_its_parts(folder, words):
    done = subprocess.run([sys.executable, BENCHMARKS / folder, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
