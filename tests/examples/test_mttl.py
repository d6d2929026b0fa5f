"""The example with the package mttl: PEER if a head selects n experts, other experts if it selects fewer."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import Layer, PeerConfig

if find_spec("mttl") is None or find_spec("einops") is None:
    pytest.skip("mttl is not installed; examples/mttl/README.md says how", allow_module_level=True)

EXAMPLE = Path(__file__).parents[2] / "examples" / "mttl" / "backend.py"


@pytest.fixture(scope="module")
def mttl() -> Any:
    return load(str(EXAMPLE))


def _layer(k: int) -> Layer:
    return Layer.random(PeerConfig(8, 3, 25, k, 6, d_out=5, key_heads=3))


def _tokens() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((5, 8), dtype=np.float32)


def test_it_is_refused_for_its_numbering_which_the_finding_names(mttl: Any) -> None:
    report = check_backend(mttl, size="minimal")
    assert report.exit_status == 1
    assert report.first is not None
    assert report.first.clauses[0] == "IDX-1"
    assert report.first.message.endswith("all ids fit i·k + j")
    failed = {finding.clauses[0] for finding in report.of("fail")}
    assert "SEL-7" in failed
    assert "CNF-4" not in failed
    assert report.level == "base"


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_its_ids_count_in_steps_of_k_instead_of_n(mttl: Any, k: int) -> None:
    layer, x = _layer(k), _tokens()
    right = load("reference").forward(layer, x).indices
    np.testing.assert_array_equal(mttl.forward(layer, x).indices, right // 5 * k + right % 5)


def test_where_a_head_selects_n_experts_the_ids_are_those_of_the_specification(mttl: Any) -> None:
    layer, x = _layer(5), _tokens()
    expected = load("reference").forward(layer, x)
    np.testing.assert_array_equal(mttl.forward(layer, x).indices, expected.indices)


def test_the_adapter_runs_the_layer_that_the_package_builds(mttl: Any) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    replaced = nn.Module()
    replaced.fc1, replaced.fc2, replaced.act = nn.Linear(8, 32), nn.Linear(32, 5), nn.GELU()
    experts = mttl.SimpleNamespace(moe_num_experts=25, down_proj_layer="fc1", up_proj_layer="fc2")
    routing = mttl.product_key.PKSelectorConfig(num_heads=3, emb_dim=3, top_k=4, moe_num_experts=25)
    peer = mttl.peer_container.PEERMLPContainer(experts, replaced, routing)
    peer.initialize_experts(experts)
    params = {
        "query.weight": peer.selector.q.weight.view(3, 6, 8),
        "keys": peer.selector.keys.transpose(1, 2),
        "experts.u": peer.peer_weight_down_embed.weight,
        "experts.v": peer.peer_weight_up_embed.weight,
    }
    layer = Layer(_layer(4).config, {name: tensor.detach().numpy() for name, tensor in params.items()})
    x = _tokens()
    batch = np.concatenate([x, np.zeros_like(x[:1])])  # the shape that the adapter passes, for the same bits
    expected = peer(torch.tensor(batch)[None])[0, :-1].detach().numpy()
    np.testing.assert_array_equal(mttl.forward(layer, x).y, expected)


def test_loading_it_leaves_no_stand_in_behind(mttl: Any) -> None:
    import sys

    assert not [name for name in sys.modules if name.startswith("mttl.")]


def test_a_layer_file_can_be_run_from_read_only_memory(mttl: Any, tmp_path: Path) -> None:
    layer, x = _layer(4), _tokens()
    layer.save(tmp_path / "layer.safetensors")
    out = mttl.forward(Layer.load(tmp_path / "layer.safetensors"), x)
    np.testing.assert_array_equal(out.y, mttl.forward(layer, x).y)
