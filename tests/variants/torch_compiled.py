"""The layer is one function in PyTorch; its gradients in binary32 come from torch.compile, ahead of time."""

from contextlib import contextmanager
from functools import cache

import numpy as np
from _traced import Traced, layer_function


@cache
def functions(config, training):
    import torch
    from torch.nn import functional

    activate = {
        "relu": functional.relu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda a: functional.gelu(a, approximate="tanh"),
        "silu": functional.silu,
        "identity": lambda a: a,
    }
    layer = layer_function(
        torch,
        lambda s, at: torch.take_along_dim(s, at, -1),
        lambda s: torch.softmax(s, -1),
        lambda kind, a: activate[kind](a),
        config,
        training,
    )
    return layer, torch.compile(layer, backend="aot_eager", dynamic=False)


def tensors(r, learned=False):
    import torch

    params = {name: torch.tensor(array) for name, array in r.params.items()}
    x, ids, mask = torch.tensor(r.x), torch.tensor(r.ids.astype(np.int64)), torch.tensor(r.mask)
    if learned:
        params = {n: t if n.endswith((".mean", ".var")) else t.requires_grad_() for n, t in params.items()}
        x.requires_grad_()
    return params, x, ids, mask


@contextmanager
def repeatable():
    """Compile every new shape, and scatter in a fixed order: threads would add in any (IND-3)."""
    import torch
    from torch._dynamo import config

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with config.patch(recompile_limit=10_000, accumulated_recompile_limit=10_000):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


class Variant(Traced):
    def values(self, r):
        import torch

        with torch.no_grad():
            return [part.numpy() for part in functions(r.config, r.training)[0](*tensors(r))]

    def backward(self, r):
        import torch

        if not r.ids.size or r.compute_dtype != np.float32:
            return super().backward(r)
        params, x, ids, mask = tensors(r, learned=True)
        leaves = {name: t for name, t in params.items() if t.requires_grad} | {"x": x}
        with repeatable():
            y = functions(r.config, r.training)[1](params, x, ids, mask)[2]
            found = torch.autograd.grad((y * torch.tensor(r.dy)).sum(), list(leaves.values()))
        return {name: grad.numpy() for name, grad in zip(leaves, found, strict=True)}


name, profiles, forward, select, gradients = Variant.as_backend()
LARGEST = "minimal"
"""The largest size that it can run: larger ones take all memory, or minutes."""
