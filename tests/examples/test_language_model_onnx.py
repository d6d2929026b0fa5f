"""The language model is trained and exported; ONNX Runtime continues a prompt with the same bytes as torch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from peerspec.export.layer_nodes import find_layers
from peerspec.export.read import read_layer, read_model
from peerspec.reference import PeerConfig

ROOT = Path(__file__).parents[2]
CONTEXT = 24


@pytest.fixture(scope="module")
def trained(example, tmp_path_factory):
    torch.manual_seed(0)
    peer = PeerConfig(32, 2, 64, 4, 16)
    model = example.LanguageModel(example.LanguageModelConfig(peer, context=CONTEXT))
    loss = example.train(model, (ROOT / "SPEC.md").read_bytes(), steps=60)
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    example.export(model, path)
    return model, loss, path


def test_training_on_the_text_learns_something(trained):
    assert trained[1] < np.log(256) - 1.5  # the loss of uniform guesses is log 256 nats per byte


@pytest.mark.parametrize("prompt", [b"The ", b"A", b"MUST be the selection of the first k experts"])
def test_torch_and_onnx_runtime_generate_the_same_bytes(example, trained, prompt):
    model, _, path = trained
    texts = [
        example.generate(logits, prompt, count=2 * CONTEXT, context=CONTEXT)
        for logits in (example.in_torch(model), example.in_onnxruntime(path))
    ]
    assert texts[0] == texts[1]
    assert texts[0].startswith(prompt)
    assert len(texts[0]) == len(prompt) + 2 * CONTEXT


def test_the_file_holds_the_trained_peer_layer(trained):
    model, _, path = trained
    assert [node.name for node in find_layers(read_model(path), path)] == ["blocks.1.feed_forward"]
    got, expected = read_layer(path), model.peer.to_layer()
    for name, array in expected.params.items():
        np.testing.assert_array_equal(got.params[name], array)
