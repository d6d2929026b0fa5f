"""Tables that stay in a file: one copy for all processes, and none in this one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import torch

from peerspec.backends.torch import PEER
from peerspec.reference import InputError, PeerConfig

CONFIG = PeerConfig(64, 2, 128**2, 4, 8, query_norm="batch")


@pytest.fixture(params=[torch.float32, torch.bfloat16])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    PEER(CONFIG, dtype=request.param).save(tmp_path / "layer.safetensors")
    return tmp_path / "layer.safetensors"


def kilobytes(path: Path) -> dict[str, int]:
    """What this process holds of the file: pages of the file, and private copies of them."""
    text = Path("/proc/self/smaps").read_text("utf-8")
    parts = [part for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text) if str(path) in part.split("\n")[0]]
    return {
        kind: sum(int(found) for part in parts for found in re.findall(rf"^{kind}: +(\d+) kB", part, re.M))
        for kind in ("Size", "Rss", "Private_Dirty", "Anonymous")
    }


@pytest.mark.stack(
    "torch", "memory-mapped tables", "`PEER.load(path, mmap=True)`: inference from one file for all processes"
)
def test_a_mapped_layer_infers_what_a_loaded_one_does_without_a_copy(path: Path) -> None:
    mapped, loaded = PEER.load(path, mmap=True), PEER.load(path).eval()
    x = torch.randn(5, 64, dtype=loaded.keys.dtype)
    assert torch.equal(mapped(x), loaded(x))
    assert not any(parameter.requires_grad for parameter in mapped.parameters())
    if not Path("/proc/self/smaps").exists():
        pytest.skip("needs /proc/self/smaps to see what is mapped")
    held = kilobytes(path)
    assert held["Size"] * 1024 >= path.stat().st_size
    assert held["Anonymous"] == held["Private_Dirty"] == 0


def test_what_is_written_to_a_mapped_layer_stays_in_this_process(path: Path) -> None:
    before, mapped = hashlib.sha256(path.read_bytes()).hexdigest(), PEER.load(path, mmap=True)
    mapped.train()
    mapped(torch.randn(5, 64, dtype=mapped.keys.dtype))  # updates the running statistics
    with torch.no_grad():
        mapped.experts.u[3] = 7
    assert mapped.experts.u[3].eq(7).all()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert not PEER.load(path).experts.u[3].eq(7).any()


def test_a_mapped_layer_lies_on_the_cpu(path: Path) -> None:
    with pytest.raises(InputError, match="a memory-mapped layer lies on the CPU, got the device meta"):
        PEER.load(path, mmap=True, device="meta")
