"""The example with the public package PEER-pytorch: its softmax configuration is PEER, that of its README is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import Layer, PeerConfig

pytest.importorskip("PEER_pytorch", reason="PEER-pytorch is not installed; pip install 'peerspec[examples]' brings it")

EXAMPLE = Path(__file__).parents[2] / "examples" / "peer_pytorch" / "backend.py"
CONFIG = PeerConfig(8, 3, 25, 4, 6, key_heads=3)


@pytest.fixture(scope="module")
def softmax() -> Any:
    return load(f"{EXAMPLE}:softmax")


@pytest.fixture(scope="module")
def readme() -> Any:
    return load(f"{EXAMPLE}:readme")


def _tokens() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((5, CONFIG.d_model), dtype=np.float32)


def test_softmax_is_conformant_in_all_it_claims(softmax: Any) -> None:
    report = check_backend(softmax, size="minimal")
    assert str(report.verdict) == "conformant", [finding.message for finding in report.of("fail", "error")]


def test_the_readme_is_refused_for_the_number_of_experts_and_for_its_gates(readme: Any) -> None:
    report = check_backend(readme, size="minimal")
    assert report.exit_status == 1
    assert report.first is not None
    assert "must list k = 25 experts for each token and head, got 1" in report.first.message
    assert {finding.clauses[0] for finding in report.of("fail")} == {"SEL-6", "GAT-1"}


def test_the_readme_takes_the_best_expert_of_each_head_with_a_relu_gate(softmax: Any, readme: Any) -> None:
    layer, x = Layer.random(CONFIG), _tokens()
    all_four, one = softmax.forward(layer, x), readme.forward(layer, x)
    np.testing.assert_array_equal(one.indices, all_four.indices[..., :1])
    np.testing.assert_array_equal(one.scores, all_four.scores[..., :1])
    np.testing.assert_array_equal(one.gates, np.maximum(one.scores, 0))


def test_the_adapter_runs_the_layer_that_the_package_builds(softmax: Any) -> None:
    import torch
    from PEER_pytorch import PEER

    torch.manual_seed(0)
    peer = PEER(8, heads=3, num_experts=25, num_experts_per_head=4, dim_key=3, non_competing_scores=False)
    queries, keys = peer.to_queries[0].weight, peer.keys
    params = {
        "query.weight": torch.stack([queries.view(2, 3, 3, 8)[:, head].reshape(6, 8) for head in range(3)]),
        "keys": torch.stack([keys[:, :, 0], keys[:, :, 1]], dim=1),
        "experts.u": peer.weight_down_embed.weight,
        "experts.v": peer.weight_up_embed.weight,
    }
    layer = Layer(CONFIG, {name: tensor.detach().numpy() for name, tensor in params.items()})
    x = _tokens()
    batch = np.concatenate([x, np.zeros_like(x[:1])])  # the shape that the adapter passes, for the same bits
    expected = peer(torch.tensor(batch)[None])[0, :-1].detach().numpy()
    np.testing.assert_array_equal(softmax.forward(layer, x).y, expected)


def test_a_layer_file_can_be_run_from_read_only_memory(softmax: Any, tmp_path: Path) -> None:
    layer, x = Layer.random(CONFIG), _tokens()
    layer.save(tmp_path / "layer.safetensors")
    out = softmax.forward(Layer.load(tmp_path / "layer.safetensors"), x)
    np.testing.assert_array_equal(out.y, softmax.forward(layer, x).y)
