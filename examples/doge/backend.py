"""DogeCDMoE, the feed-forward layer of the Doge models in the package transformers, as two backends.

``sequence`` passes all tokens in one call, as in training and when a prompt is read. It claims the least that is
possible: the profile ``core`` in one precision. ``alone`` passes every token in a separate call, as in generation
with a batch of one, and claims everything that the layer can do in this way.

The adapter makes both run the package's own ``DogeCDMoE.forward``:

- The layer adds a dense MLP, its "shared expert", to every token. Its three matrices are zero here, so it adds
  exactly zero and only the routed experts are judged.
- The layer has no query. One matrix, ``router_gate``, maps x to both halves of the scores. It is the product of keys
  and query map, computed in float64 and rounded once, which has a smaller error than the bounds allow for two
  products.
- The layer has one head. A layer of h heads is the sum of h such layers with the same expert tables.
- The layer has one width, but a PEER layer has D and M. x, the weights that are multiplied with it, and v are padded
  with columns of zeros to the larger width, and the columns of y after M are dropped. Zeros add nothing to any sum.
- The layer cannot take an empty batch: one token of zeros is added and dropped again.
- The routing is read in the forward pass: ids are the input of ``down_embed``, scores the input of the only softmax,
  and gates its output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import pad, softmax
from torch.overrides import TorchFunctionMode
from transformers.models.doge.configuration_doge import DogeConfig
from transformers.models.doge.modeling_doge import DogeCDMoE

from peerspec.reference import Layer, Output, PeerConfig

ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "silu": "silu", "identity": "linear"}


@dataclass
class Doge:
    """The layer, with all tokens in one call or one per call. No bfloat16: its scores would be bfloat16 (PRC-2)."""

    name: str
    profiles: frozenset[str]
    tokens_per_call: int | None

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
        """Autograd goes through the product, padding and sum, so the gradients have the shapes of the layer."""
        learned = _tensors(layer) | {"x": torch.tensor(x)}
        for tensor in learned.values():
            tensor.requires_grad_()
        y, *_ = self._run(layer.config, learned, learned["x"])
        found = torch.autograd.grad(y, list(learned.values()), torch.tensor(dy))
        return {name: gradient.numpy() for name, gradient in zip(learned, found, strict=True)}

    def _run(self, config: PeerConfig, params: dict[str, Tensor], x: Tensor) -> tuple[Tensor, ...]:
        """y [..., M], then scores, ids and gates [..., h, k]."""
        moe = _module(config)
        tokens = x.reshape(-1, config.d_model)
        count = len(tokens)
        batch = pad(tokens, (0, _width(config) - config.d_model, 0, 0 if count else 1))
        heads = [self._head(moe, _state(config, params, head), batch) for head in range(config.heads)]
        y = torch.stack([head[0] for head in heads]).sum(0)[..., : config.d_out]
        whole = (y, *(torch.stack(parts, dim=1) for parts in list(zip(*heads, strict=True))[1:]))
        return tuple(part[:count].reshape(*x.shape[:-1], *part.shape[1:]) for part in whole)

    def _head(self, moe: DogeCDMoE, state: dict[str, Tensor], batch: Tensor) -> tuple[Tensor, ...]:
        """The package's forward pass: y [T, width], then scores, ids and gates [T, k]."""
        calls = []
        for tokens in batch.split(self.tokens_per_call or len(batch)):
            with WatchRouting(moe) as seen:
                y, _ = functional_call(moe, state, (tokens[None],))
            calls.append((y[0], seen.scores, seen.ids, seen.gates))
        return tuple(torch.cat(parts) for parts in zip(*calls, strict=True))


class WatchRouting(TorchFunctionMode):
    """The routing of a forward pass: ``ids`` as the table reads them, ``scores`` and ``gates`` at the softmax."""

    ids: Tensor
    scores: Tensor
    gates: Tensor

    def __init__(self, moe: DogeCDMoE) -> None:
        super().__init__()
        self._hook = moe.down_embed.register_forward_pre_hook(lambda _, given: setattr(self, "ids", given[0]))

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function is softmax:
            self.scores, self.gates = args[0], result
        return result

    def __exit__(self, *failure: Any) -> None:
        self._hook.remove()
        super().__exit__(*failure)


def _module(config: PeerConfig) -> DogeCDMoE:
    """The package's layer without memory for its parameters, which each call passes."""
    doge = DogeConfig(
        hidden_size=_width(config),
        intermediate_size=1,
        hidden_act=ACTIVATIONS[config.activation],
        num_experts=config.num_experts,
        num_experts_per_tok=config.top_k,
        is_moe=True,
    )
    with torch.device("meta"):
        return DogeCDMoE(doge)


def _state(config: PeerConfig, params: dict[str, Tensor], head: int) -> dict[str, Tensor]:
    """The parameters of one head under the package's names, and an MLP of zeros."""
    width = _width(config)
    keys = params["keys"][head % config.key_heads].double()
    query = params["query.weight"][head].double().reshape(2, config.d_key // 2, config.d_model)
    router = (keys @ query).reshape(2 * config.n, config.d_model).to(params["keys"].dtype)
    zeros = router.new_zeros(1, width)
    return {
        "router_gate.weight": _widen(router, width),
        "down_embed.weight": _widen(params["experts.u"], width),
        "up_embed.weight": _widen(params["experts.v"], width),
        "gate_proj.weight": zeros,
        "up_proj.weight": zeros,
        "down_proj.weight": zeros.mT,
    }


def _width(config: PeerConfig) -> int:
    return max(config.d_model, config.d_out)


def _widen(tensor: Tensor, width: int) -> Tensor:
    return pad(tensor, (0, width - tensor.shape[-1]))


def _tensors(layer: Layer) -> dict[str, Tensor]:
    return {name: torch.tensor(array) for name, array in layer.params.items()}


sequence = Doge("Doge, sequence", frozenset({"float32"}), tokens_per_call=None)
alone = Doge("Doge, alone", frozenset({"float32", "float64", "per-head-keys", "training"}), tokens_per_call=1)
