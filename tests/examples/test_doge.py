"""The example with DogeCDMoE of the package transformers: PEER for a single token, another layer for a sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import Layer, PeerConfig

doge = pytest.importorskip(
    "transformers.models.doge.modeling_doge", reason="transformers is not installed; examples/doge/README.md says how"
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "doge" / "backend.py"
CONFIG = PeerConfig(8, 3, 25, 4, 6, key_heads=3)


@pytest.fixture(scope="module")
def sequence() -> Any:
    return load(f"{EXAMPLE}:sequence")


@pytest.fixture(scope="module")
def alone() -> Any:
    return load(f"{EXAMPLE}:alone")


def _tokens(count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, CONFIG.d_model), dtype=np.float32)


def test_a_token_alone_is_conformant_in_all_it_claims(alone: Any) -> None:
    report = check_backend(alone, size="minimal")
    assert str(report.verdict) == "conformant", [finding.message for finding in report.of("fail", "error")]


def test_a_sequence_is_refused_because_tokens_do_not_select_for_themselves(sequence: Any) -> None:
    report = check_backend(sequence, size="minimal")
    assert report.exit_status == 1
    assert report.first is not None
    assert report.first.clauses[0] == "SEL-6"


def test_a_sequence_of_one_token_is_a_token_alone(sequence: Any, alone: Any) -> None:
    layer, x = Layer.random(CONFIG), _tokens(1)
    np.testing.assert_array_equal(sequence.forward(layer, x).y, alone.forward(layer, x).y)


def test_the_last_token_of_a_sequence_changes_the_experts_of_an_earlier_one(sequence: Any) -> None:
    layer, x = Layer.random(CONFIG), _tokens(6)
    other = x.copy()
    other[-1] = -x[-1]
    before, after = sequence.forward(layer, x).indices, sequence.forward(layer, other).indices
    changed = [token for token in range(6) if not np.array_equal(before[token], after[token])]
    # among T tokens, token t gets its half scores from tokens t // 2 and (T + t) // 2
    assert changed == [token for token in range(6) if 5 in (token // 2, (6 + token) // 2)] == [4, 5]


@pytest.mark.parametrize("count", [1, 4])
def test_the_adapter_runs_the_layer_that_the_package_builds(sequence: Any, count: int) -> None:
    import torch

    torch.manual_seed(0)
    settings = doge.DogeConfig(
        hidden_size=8, intermediate_size=32, hidden_act="gelu", num_experts=25, num_experts_per_tok=4, is_moe=True
    )
    moe = doge.DogeCDMoE(settings)
    torch.nn.init.zeros_(moe.down_proj.weight)  # the dense MLP as it is built, adding zero
    params = {
        "query.weight": torch.eye(8).repeat(2, 1)[None],
        "keys": moe.router_gate.weight.reshape(1, 2, 5, 8),
        "experts.u": moe.down_embed.weight,
        "experts.v": moe.up_embed.weight,
    }
    config = PeerConfig(8, 1, 25, 4, 16)
    layer = Layer(config, {name: tensor.detach().numpy() for name, tensor in params.items()})
    x = _tokens(count)
    expected = moe(torch.tensor(x)[None])[0][0].detach().numpy()
    np.testing.assert_array_equal(sequence.forward(layer, x).y, expected)
    one_token_each = moe(torch.tensor(x)[:, None])[0][:, 0].detach().numpy()  # other sequences have the same effect
    np.testing.assert_array_equal(one_token_each, expected)


def test_a_layer_file_can_be_run_from_read_only_memory(alone: Any, tmp_path: Path) -> None:
    layer, x = Layer.random(CONFIG), _tokens()
    layer.save(tmp_path / "layer.safetensors")
    out = alone.forward(Layer.load(tmp_path / "layer.safetensors"), x)
    np.testing.assert_array_equal(out.y, alone.forward(layer, x).y)
