"""PEER in PyTorch: the module ``PEER``, optimisers of touched rows, and ``functional``, the functions it is made of.

Autograd goes through both paths, tables may live on any device, and what SPEC.md asks of precision holds
whatever the surrounding program has set: float32 stays float32 under TF32 and autocast (``precision``).
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        'the torch backend needs PyTorch, which is not installed; run: pip install "peerspec[torch]"'
    ) from None

from peerspec.backends.torch import functional
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.optim import LazyAdam, RowAdagrad, RowSGD, clip_grad_norm_
from peerspec.reference import Layer, PeerConfig

__all__ = [
    "PEER",
    "Layer",
    "LazyAdam",
    "PeerConfig",
    "RowAdagrad",
    "RowSGD",
    "clip_grad_norm_",
    "functional",
]
