"""The variants: the layer of this project, and others that compute the same function or have the same cost.

All work on the same tables. A variant is a function from a ``Bench`` to the function of one turn, which returns y.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from points import D_KEY, HEADS, TOP_K, Bench
from torch import Tensor, nn
from torch.nn import functional

from peerspec.backends.torch import PEER
from peerspec.backends.torch.kernels import library_operations
from peerspec.reference.cost import cost

__all__ = ["BASELINE", "Maker", "dense", "layer", "paper", "peer_pytorch"]

Work = Callable[[], Tensor]
Maker = Callable[[Bench], Work]

BASELINE = "PEER-pytorch"
"""The variant that ratios compare with."""


def layer(bench: Bench) -> PEER:
    """The module on the tables of the bench, without a copy."""
    module = PEER(bench.config, device="meta")
    module.load_state_dict(bench.params, assign=True)
    return module.eval().requires_grad_(False)


def with_core(bench: Bench) -> Work:
    module = layer(bench)
    return lambda: module(bench.x)


def library(bench: Bench) -> Work:
    module = layer(bench)

    def work() -> Tensor:
        with library_operations():
            return module(bench.x)

    return work


def peer_pytorch_module(bench: Bench) -> nn.Module:
    """The layer of the package, in the mode that computes PEER, with the weights of the bench."""
    from PEER_pytorch import PEER as PackagePEER  # noqa: N811

    config, params = bench.config, bench.params
    with torch.device("meta"):
        module = PackagePEER(
            config.d_model,
            heads=HEADS,
            num_experts=config.num_experts,
            num_experts_per_head=TOP_K,
            product_key_topk=TOP_K,
            dim_key=D_KEY // 2,
            non_competing_scores=False,
        )
    query = params["query.weight"].reshape(HEADS, 2, D_KEY // 2, -1).transpose(0, 1).reshape(-1, config.d_model)
    state = {
        "to_queries.0.weight": query,
        "keys": params["keys"].expand(HEADS, -1, -1, -1).transpose(1, 2),
        "weight_down_embed.weight": params["experts.u"],
        "weight_up_embed.weight": params["experts.v"],
    }
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)


def peer_pytorch(bench: Bench) -> Work:
    module = peer_pytorch_module(bench)
    return lambda: module(bench.x[None])[0]


def algorithm_1(x: Tensor, query: Tensor, keys: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The paper's Algorithm 1: product-key retrieval as in its references, then gather and einsum."""
    q1, q2 = (x @ query.flatten(0, 1).T).unflatten(1, (HEADS, 2, D_KEY // 2)).unbind(2)
    (best1, i), (best2, j) = ((q @ half.T).topk(TOP_K) for q, half in zip((q1, q2), keys[0], strict=True))
    scores, cell = (best1[..., :, None] + best2[..., None, :]).flatten(-2).topk(TOP_K)
    ids = i.gather(-1, cell // TOP_K) * keys.shape[2] + j.gather(-1, cell % TOP_K)
    down, up = functional.embedding(ids, u), functional.embedding(ids, v)
    inner = functional.gelu(torch.einsum("td,thkd->thk", x, down))
    return torch.einsum("thk,thkd->td", inner * scores.softmax(-1), up)


def paper(bench: Bench) -> Work:
    params = [bench.params[name] for name in ("query.weight", "keys", "experts.u", "experts.v")]
    return lambda: algorithm_1(bench.x, *params)


def compiled_paper(bench: Bench) -> Work:
    params = [bench.params[name] for name in ("query.weight", "keys", "experts.u", "experts.v")]
    function = torch.compile(algorithm_1, dynamic=False)
    return lambda: function(bench.x, *params)


def compiled_peer_pytorch(bench: Bench) -> Work:
    module = torch.compile(peer_pytorch_module(bench), dynamic=False)
    return lambda: module(bench.x[None])[0]


def dense(bench: Bench, hidden: int) -> Work:
    """A feed-forward block with ``hidden`` units; its weights are rows of the expert tables."""
    u, v = (bench.params[f"experts.{name}"][:hidden] for name in "uv")
    return lambda: functional.linear(functional.gelu(functional.linear(bench.x, u)), v.T)


def of_equal_flops(bench: Bench) -> Work:
    return dense(bench, max(1, cost(bench.config).flops_per_token // (4 * bench.point.d_model)))


def of_equal_parameters(bench: Bench) -> Work:
    return dense(bench, bench.config.num_experts)
