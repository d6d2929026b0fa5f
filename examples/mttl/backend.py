"""The PEER layer of the package mttl as a backend, with softmax gates and without a query norm.

The adapter runs the package's own ``PKSSelector.forward`` and ``PEERMLPContainer.forward``:

- The wheel declares no dependencies. Importing the package needs many, but the layer uses only PyTorch and einops.
  The adapter executes the three files that define the layer, unchanged, with stand-ins for their imports from the
  rest of the package: base classes, which store what they get, and a cache of routing, which is off by default.
- The package has one key set per head: a common key set is repeated.
- The package cannot take an empty batch: one token of zeros is added and dropped again.
- A head selects at most n experts, because the package takes that many sub-keys from each half: larger k is declined.
- The routing is read at two modules: ids are the input of ``peer_weight_down_embed``, scores the input of
  ``gate_activation``, and gates its output.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import pad

from peerspec.interchange import LAYOUTS, with_keys_per_head
from peerspec.reference import Layer, Output, PeerConfig

ACTIVATIONS = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "identity": nn.Identity,
}


class Base(nn.Module):
    """A stand-in for a selector, a container and a modifier: stores its configuration and the layer it replaces."""

    def __init__(self, config: Any, layer: nn.Module | None = None) -> None:
        super().__init__()
        self.config, self.layer = config, layer

    @classmethod
    def register(cls, name: str, config: type) -> Any:
        return lambda subclass: subclass


CONTAINERS = "mttl.models.containers"
STAND_INS: dict[str, dict[str, Any]] = {
    f"{CONTAINERS}.base": {"ExpertContainer": Base, "ContainerFullException": Exception},
    f"{CONTAINERS}.selectors.base": {
        "Selector": Base,
        "SelectorConfig": object,
        "forward_with_cache": lambda forward: forward,
    },
    "mttl.models.library.expert": {"Expert": object, "ExpertInfo": object},
    "mttl.models.modifiers.mlp": {"PEERConfig": SimpleNamespace, "PEERModifier": Base},
}
FILES = ("selectors.selector_output", "selectors.product_key", "peer_container")


def _load() -> tuple[Any, Any]:
    """Execute the files of the layer in the installed package, without importing the package.

    Raises:
        ImportError: mttl is not installed.
    """
    package = find_spec("mttl")
    if package is None or not package.submodule_search_locations:
        raise ImportError("mttl is not installed; run: pip install --no-deps mttl==1.0.2")
    folder = Path(package.submodule_search_locations[0]) / "models" / "containers"
    modules = {name: ModuleType(name) for name in STAND_INS}
    for name, attributes in STAND_INS.items():
        vars(modules[name]).update(attributes)
    with patch.dict(sys.modules, modules):
        for name in FILES:
            module_spec = spec_from_file_location(f"{CONTAINERS}.{name}", folder / f"{name.replace('.', '/')}.py")
            assert isinstance(module_spec, ModuleSpec)
            assert module_spec.loader is not None
            sys.modules[module_spec.name] = module_from_spec(module_spec)
            module_spec.loader.exec_module(sys.modules[module_spec.name])
        return sys.modules[f"{CONTAINERS}.selectors.product_key"], sys.modules[f"{CONTAINERS}.peer_container"]


product_key, peer_container = _load()

name = "mttl"
profiles = frozenset({"float32"})


def supports(config: PeerConfig, dtype: str) -> bool | str:
    return config.top_k <= config.n or f"a head selects at most n = {config.n} experts, got top_k = {config.top_k}"


def forward(layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False) -> Output:
    """y and the routing. Mask and training affect only a query norm, which is not claimed (SHP-2)."""
    config = layer.config
    peer = _module(config)
    seen: dict[str, Tensor] = {}
    peer.peer_weight_down_embed.register_forward_hook(lambda _, given, rows: seen.update(ids=given[0]))
    peer.selector.gate_activation.register_forward_hook(
        lambda _, given, gates: seen.update(scores=given[0], gates=gates)
    )
    with torch.no_grad():
        batch = pad(torch.tensor(x).reshape(-1, config.d_model), (0, 0, 0, 1))[None]
        y = functional_call(peer, _state(layer), (batch,))
    parts = [part[0, :-1].numpy() for part in (y, seen["scores"], seen["ids"], seen["gates"])]
    return Output(*(part.reshape(*x.shape[:-1], *part.shape[1:]) for part in parts))


def _module(config: PeerConfig) -> Any:
    """The package's layer without memory for its parameters, which each call passes."""
    experts = SimpleNamespace(moe_num_experts=config.num_experts, down_proj_layer="fc1", up_proj_layer="fc2")
    routing = product_key.PKSelectorConfig(
        num_heads=config.heads,
        emb_dim=config.d_key // 2,
        top_k=config.top_k,
        moe_num_experts=config.num_experts,
    )
    with torch.device("meta"):
        replaced = nn.Module()
        replaced.fc1, replaced.fc2 = nn.Linear(config.d_model, 1), nn.Linear(1, config.d_out)
        replaced.act = ACTIVATIONS[config.activation]()
        peer = peer_container.PEERMLPContainer(experts, replaced, routing)
        peer.initialize_experts(experts)
    return peer


def _state(layer: Layer) -> dict[str, Tensor]:
    """The parameters under the package's names, with their axes in its order, also where its ids differ (k < n)."""
    params = {name: torch.tensor(array) for name, array in with_keys_per_head(layer).params.items()}
    return {
        part.tensor: rearrange(params[part.parameter], part.pattern, **part.lengths(layer.config))
        for part in LAYOUTS["mttl"].parts
    }
