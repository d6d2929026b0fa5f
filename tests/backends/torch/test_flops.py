"""What torch's counter counts is what the definition says (CST-3), whichever module is imported first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from peerspec.backends.torch import PEER
from peerspec.reference import PeerConfig
from peerspec.reference.cost import cost

CONFIG = PeerConfig(d_model=16, heads=2, num_experts=64, top_k=4, d_key=8, d_out=5)
CONFIGS = [{}, {"expert": "glu", "key_heads": 2}, {"top_k": 9, "query_norm": "layer"}]


@pytest.mark.stack("torch", "`FlopCounterMode`", "the FLOPs of `cost()`")
@pytest.mark.parametrize("options", CONFIGS)
@pytest.mark.parametrize("learns", [False, True])
def test_a_forward_pass_takes_what_the_cost_says(options: dict[str, object], learns: bool) -> None:
    config = replace(CONFIG, **options)
    layer, x = PEER(config), torch.randn(3, 16)
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(learns):
        layer(x)
    assert counter.get_total_flops() == 3 * cost(config).flops_per_token


def test_a_backward_pass_takes_two_products_for_each_of_the_forward_pass_but_for_half_scores_that_lost() -> None:
    layer, x = PEER(CONFIG), torch.randn(3, 16, requires_grad=True)
    y = layer(x)
    with FlopCounterMode(display=False) as counter:
        y.sum().backward()
    pairs, query = 2 * 4, 2 * 2 * 8 * 16
    selected = 2 * 2 * 4 * 8
    experts = 2 * pairs * (5 + 16) * 2
    assert counter.get_total_flops() == 3 * (2 * query + 2 * selected + experts)


@pytest.mark.parametrize(
    "first",
    [
        "import torch.utils.flop_counter",
        "import peerspec.backends.torch",
        "import peerspec.backends.torch, importlib.util; importlib.util.find_spec('torch.utils.flop_counter')",
    ],
)
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    program = f"""
{first}
import torch
from peerspec.backends.torch import PEER, PeerConfig
from torch.utils.flop_counter import FlopCounterMode
with FlopCounterMode(display=False) as counter:
    PEER(PeerConfig(d_model=4, heads=1, num_experts=4, top_k=1, d_key=2))(torch.ones(1, 4))
print(counter.get_total_flops())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
