"""Tables of torch and the moments of their rows lie in memory that requests huge pages."""

import mmap
import re
from pathlib import Path

import pytest
import torch

from peerspec.backends.torch import PEER, LazyAdam
from peerspec.backends.torch.huge_pages import copied, in_huge_pages
from peerspec.reference import PeerConfig

MAPS = Path("/proc/self/smaps")
pytestmark = pytest.mark.skipif(
    not MAPS.exists() or not hasattr(mmap, "MADV_HUGEPAGE"), reason="huge pages are requested on Linux alone"
)


def requests(tensor: torch.Tensor) -> bool:
    """Whether the middle of the tensor lies in a mapping with the flag of the advice."""
    middle, found = tensor.data_ptr() + tensor.numel() * tensor.itemsize // 2, False
    for line in MAPS.read_text().splitlines():
        if bounds := re.match("([0-9a-f]+)-([0-9a-f]+) ", line):
            found = int(bounds[1], 16) <= middle < int(bounds[2], 16)
        elif found and line.startswith("VmFlags:"):
            return "hg" in line.split()
    raise AssertionError("the tensor lies nowhere")


def test_tables_and_moments_request_huge_pages():
    module = PEER(PeerConfig(32, 1, 256**2, 1, 2), sparse_gradients=True)
    optimiser = LazyAdam(module.parameters())
    module(torch.randn(2, 32)).sum().backward()
    optimiser.step()
    table, again = module.get_parameter("experts.u"), LazyAdam(module.parameters())
    again.load_state_dict(optimiser.state_dict())
    loaded = PEER.from_layer(module.to_layer()).get_parameter("experts.u")
    moments = [each.state[table][name] for each in (optimiser, again) for name in ("exp_avg", "exp_avg_sq")]
    assert all(requests(tensor) for tensor in (table, loaded, *moments))
    assert torch.equal(loaded, table)


def test_what_is_small_or_not_in_memory_is_left_alone():
    assert in_huge_pages(small := torch.zeros(3)) is small
    assert copied(small, "meta").device.type == "meta"


def test_memory_requests_huge_pages_only_when_it_is_told_to():
    fresh = torch.frombuffer(mmap.mmap(-1, 1 << 26), dtype=torch.float32)  # malloc may give memory that was used before
    assert not requests(fresh)
    assert requests(in_huge_pages(fresh))
