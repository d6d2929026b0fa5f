"""The package PEER-pytorch as a backend, in two of its configurations.

``softmax`` sets ``non_competing_scores=False`` and claims everything that the package can do. ``readme`` leaves it at
the default, True, as the package's README does, and claims the least that is possible: the profile ``core`` in one
precision.

The adapter makes both run the package's own ``PEER.forward``:

- The package has one width, an even number, but a PEER layer has D and M. x, the weights that are multiplied with it,
  and v are padded with columns of zeros to that width, and the columns of y after M are dropped. Zeros add nothing to
  any sum.
- The package has one key set per head: a common key set is repeated.
- The package cannot take an empty batch: one token of zeros is added and dropped again.
- The package takes as many sub-keys from each half as experts; for k > n, ``product_key_topk`` limits them to n.
- The routing is read at two modules: ids are the input of ``weight_down_embed``, scores the input of
  ``score_activation``, and gates its output.
- ``pre_rmsnorm`` stays off, in ``readme`` too: a norm before the layer is not part of the layer (OUT-2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from einops import rearrange
from numpy.typing import NDArray
from PEER_pytorch import PEER
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import pad

from peerspec.interchange import LAYOUTS
from peerspec.reference import Layer, Output, PeerConfig

ACTIVATIONS = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "identity": nn.Identity,
}


@dataclass
class PeerPytorch:
    """The package in one configuration. It claims no bfloat16: queries and scores would be bfloat16, too (PRC-2)."""

    name: str
    profiles: frozenset[str]
    non_competing_scores: bool

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """y and the routing. Mask and training affect only a query norm, which is not claimed (SHP-2)."""
        with torch.no_grad():
            y, scores, ids, gates = self._run(layer.config, _tensors(layer), torch.tensor(x))
        return Output(y.numpy(), scores.numpy(), ids.numpy(), gates.numpy())

    def gradients(
        self, layer: Layer, x: NDArray[Any], dy: NDArray[Any], *, mask: NDArray[Any] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Autograd goes through padding and repetition, so the gradients have the shapes of the layer."""
        learned = _tensors(layer) | {"x": torch.tensor(x)}
        for tensor in learned.values():
            tensor.requires_grad_()
        y, *_ = self._run(layer.config, learned, learned["x"])
        found = torch.autograd.grad(y, list(learned.values()), torch.tensor(dy))
        return {name: gradient.numpy() for name, gradient in zip(learned, found, strict=True)}

    def _run(self, config: PeerConfig, params: dict[str, Tensor], x: Tensor) -> tuple[Tensor, ...]:
        """y [..., M], then scores, ids and gates [..., h, k]."""
        peer = self._module(config)
        seen: dict[str, Tensor] = {}
        peer.weight_down_embed.register_forward_hook(lambda _, given, rows: seen.update(ids=given[0]))
        peer.score_activation.register_forward_hook(lambda _, given, gates: seen.update(scores=given[0], gates=gates))
        tokens = x.reshape(-1, config.d_model)
        batch = pad(tokens, (0, _width(config) - config.d_model, 0, 1))[None]
        y = functional_call(peer, _state(config, params), (batch,))[..., : config.d_out]
        whole = (y, seen["scores"], seen["ids"], seen["gates"])
        return tuple(part[0, :-1].reshape(*x.shape[:-1], *part.shape[2:]) for part in whole)

    def _module(self, config: PeerConfig) -> PEER:
        """The package's layer without memory for its parameters, which each call passes."""
        with torch.device("meta"):
            return PEER(
                _width(config),
                heads=config.heads,
                num_experts=config.num_experts,
                num_experts_per_head=config.top_k,
                product_key_topk=min(config.top_k, config.n),
                dim_key=config.d_key // 2,
                activation=ACTIVATIONS[config.activation],
                non_competing_scores=self.non_competing_scores,
            )


def _state(config: PeerConfig, params: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters under the package's names, with their axes in its order, D and M widened."""
    width = _width(config)
    config = replace(config, d_model=width, d_out=width)
    keys = params["keys"].expand(config.heads, -1, -1, -1)
    wide = {name: _widen(tensor, width) for name, tensor in params.items()} | {"keys": keys}
    return {
        part.tensor: rearrange(wide[part.parameter], part.pattern, **part.lengths(config))
        for part in LAYOUTS["peer-pytorch"].parts
    }


def _width(config: PeerConfig) -> int:
    """The least even width that holds D and M."""
    return 2 * ((max(config.d_model, config.d_out) + 1) // 2)


def _widen(tensor: Tensor, width: int) -> Tensor:
    return pad(tensor, (0, width - tensor.shape[-1]))


def _tensors(layer: Layer) -> dict[str, Tensor]:
    return {name: torch.tensor(array) for name, array in layer.params.items()}


softmax = PeerPytorch(
    "PEER-pytorch, softmax",
    frozenset({"float32", "float64", "per-head-keys", "training"}),
    non_competing_scores=False,
)
readme = PeerPytorch("PEER-pytorch, README", frozenset({"float32"}), non_competing_scores=True)
