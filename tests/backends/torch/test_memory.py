"""The memory of a pass: never N scores for a token, never [T, K, D], never a whole table in another dtype."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from peerspec.backends.torch import PEER
from peerspec.backends.torch.rows import BUDGET
from peerspec.reference import PeerConfig


class LargestAllocation(TorchDispatchMode):
    """The bytes of the largest allocation of an operation; views of known tensors do not count."""

    def __init__(self, known):
        super().__init__()
        self.known = {tensor.untyped_storage().data_ptr() for tensor in known}
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in self.known:
                    self.bytes = max(self.bytes, storage.nbytes())
        return result


def largest_allocation(module, x):
    with LargestAllocation([*module.parameters(), x]) as mode, torch.no_grad():
        module(x)
    return mode.bytes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_million_experts_cost_a_forward_pass_no_more_than_its_half_scores(dtype):
    config = PeerConfig(4, 2, 2**20, 4, 8)
    module, x = PEER(config, dtype=dtype), torch.ones(64, 4, dtype=dtype)
    half_scores = 64 * config.heads * config.n * 4
    assert largest_allocation(module, x) <= half_scores < module.experts.u.nbytes < 64 * 2**20


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_are_gathered_within_the_stated_budget(dtype):
    config = PeerConfig(4096, 2, 16, 4, 8)
    module, x = PEER(config, dtype=dtype), torch.ones(256, 4096, dtype=dtype)
    assert 8 * BUDGET["cpu"] < 256 * 8 * 4096 * 4
    # tokens widened and y before rounding are the only tensors of [T, D]
    assert largest_allocation(module, x) <= max(BUDGET["cpu"], 256 * 4096 * 4)


def test_a_backward_pass_allocates_nothing_larger_than_the_gradients_it_returns():
    config = PeerConfig(4, 2, 2**18, 4, 8)
    module, x = PEER(config, dtype=torch.bfloat16), torch.ones(64, 4, dtype=torch.bfloat16)
    y = module(x)
    with LargestAllocation([*module.parameters(), x]) as mode:
        y.sum().backward()
    assert mode.bytes == max(module.experts.u.grad.nbytes, 64 * config.heads * config.n * 4)
