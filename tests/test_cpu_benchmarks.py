"""The parts of the benchmarks on the CPU that no other test runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from peerspec.backends.torch import PEER
from peerspec.conformance import check_backend
from peerspec.reference import PeerConfig

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "cpu")]
CONFIG = PeerConfig(12, heads=3, num_experts=49, top_k=4, d_key=6)


def test_the_layer_that_the_benchmarks_train_is_conformant():
    from verdicts import TouchedRows

    assert check_backend(TouchedRows(), size="minimal", only=["gradients"]).exit_status == 0


@pytest.mark.parametrize("name", ["Algorithm1", "package_layer"])
def test_the_rivals_compute_the_layer(name):
    if name == "package_layer":
        pytest.importorskip("PEER_pytorch", reason="PEER-pytorch is not installed; pip install 'peerspec[examples]'")
    import rivals

    torch.manual_seed(0)
    layer, x = PEER(CONFIG), torch.randn(1, 7, 12)
    rival = getattr(rivals, name)(layer)
    torch.testing.assert_close(rival(x[0] if name == "Algorithm1" else x).view(1, 7, 12), layer(x))


def test_the_command_finds_all_its_parts():
    done = subprocess.run([sys.executable, BENCHMARKS / "cpu", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "paper's Algorithm 1" in done.stdout
