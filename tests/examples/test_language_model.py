"""The language model with a PEER layer in its middle block."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support.programs import modules_of

from peerspec.backends.torch import PEER
from peerspec.reference import InputError, PeerConfig

EXAMPLE = Path(__file__).parents[2] / "examples" / "language_model"
TINY = PeerConfig(16, 2, 25, 3, 8)


@pytest.fixture
def model() -> Iterator[ModuleType]:
    with modules_of(EXAMPLE):
        yield importlib.import_module("model")


def test_the_middle_block_alone_has_a_peer_layer(model):
    network = model.LanguageModel(model.LanguageModelConfig(TINY, context=12))
    assert [isinstance(block.feed_forward, PEER) for block in network.blocks] == [False, True, False]
    assert network.peer.config == TINY


def test_logits_of_a_position_depend_on_no_later_byte(model):
    torch.manual_seed(0)
    network = model.LanguageModel(model.LanguageModelConfig(TINY, context=12))
    tokens = torch.randint(256, (2, 12))
    other = tokens.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 256
    logits, changed = network(tokens), network(other)
    assert logits.shape == (2, 12, 256)
    torch.testing.assert_close(logits[:, :7], changed[:, :7], rtol=0, atol=0)
    assert (logits[:, 7:] != changed[:, 7:]).any(-1).all()


@pytest.mark.parametrize(
    ("peer", "message"), [(PeerConfig(15, 2, 25, 3, 8), "divide"), (PeerConfig(16, 2, 25, 3, 8, d_out=8), "d_out")]
)
def test_sizes_that_do_not_fit_are_refused(model, peer, message):
    with pytest.raises(InputError, match=message):
        model.LanguageModelConfig(peer)
