"""Objects of another kind in the place of a model or of tokens: one sentence, from every public function."""

import re

import pytest
import torch
from support.adapted_models import SIZES
from torch import nn

from peerspec.backends.torch import (
    PEER,
    PeerConfig,
    Usage,
    adapter_parameters,
    adapter_state_dict,
    add_adapters,
    load_adapters,
    peer_adapters,
    remove_adapters,
    replace_ffn,
    save_adapters,
)
from peerspec.backends.torch.comparison import Dense
from peerspec.backends.torch.file_metadata import layers_metadata
from peerspec.backends.torch.replace import peer_layers
from peerspec.reference import InputError, TableError
from peerspec.reference.comparison import DenseConfig

CONFIG = PeerConfig(4, 1, 4, 1, 4)


def adapted() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 4))
    add_adapters(model, ["0"], **SIZES)
    return model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("adapters") / "adapters.safetensors"
    save_adapters(adapted(), found)
    return found


OF_MODELS = {
    "add_adapters": lambda model, _: add_adapters(model, ["0"], **SIZES),
    "replace_ffn": lambda model, _: replace_ffn(model, "0", CONFIG),
    "peer_layers": lambda model, _: peer_layers(model),
    "layers_metadata": lambda model, _: layers_metadata(model),
    "Usage.of_model": lambda model, _: Usage.of_model(model),
    "peer_adapters": lambda model, _: peer_adapters(model),
    "adapter_parameters": lambda model, _: adapter_parameters(model),
    "adapter_state_dict": lambda model, _: adapter_state_dict(model),
    "remove_adapters": lambda model, _: remove_adapters(model),
    "save_adapters": lambda model, path: save_adapters(model, path, overwrite=True),
    "load_adapters": load_adapters,
}


@pytest.mark.parametrize("model", ["model", [nn.Linear(4, 4)], None])
@pytest.mark.parametrize("call", OF_MODELS.values(), ids=OF_MODELS)
def test_what_is_no_module_is_refused(call, model, path):
    wanted = f"model must be a torch.nn.Module, got {type(model).__name__}; pass the model itself"
    with pytest.raises(InputError, match=f"^{re.escape(wanted)}$"):
        call(model, path)


@pytest.mark.parametrize("call", ["add_adapters", "replace_ffn"])
def test_a_model_without_parts_is_refused(call, path):
    wanted = "this Linear has no modules within; pass the model that holds it"
    with pytest.raises(InputError, match=f"^{re.escape(wanted)}$"):
        OF_MODELS[call](nn.Linear(4, 4), path)


@pytest.mark.parametrize("x", [[[1.0, 2.0, 3.0, 4.0]], None, 3])
def test_tokens_that_are_no_tensor_are_refused(x):
    model = adapted()
    wanted = f"x must be a torch.Tensor, got {type(x).__name__}; convert it with torch.as_tensor"
    layer = PEER(CONFIG)
    for module in (layer, layer.forward_with_routing, model, model[0].adapter, Dense(DenseConfig(4, 3))):
        with pytest.raises(InputError, match=f"^{re.escape(wanted)}$"):
            module(x)


def test_an_adapter_that_cannot_be_written_is_named(tmp_path):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    add_adapters(model, ["0"], **SIZES)
    add_adapters(model, ["1"], **SIZES)
    with torch.no_grad():
        model[1].adapter.keys[0] = torch.nan
    with pytest.raises(TableError, match=r"^'1.adapter': keys holds NaN or infinity"):
        save_adapters(model, tmp_path / "adapters.safetensors")
    assert not list(tmp_path.iterdir())
