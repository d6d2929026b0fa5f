"""PEER in PyTorch: the module ``PEER``, and the pure functions ``forward`` and ``select`` it is made of.

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

from peerspec.backends.torch.forward import Output, forward
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.optim import SGD, LazyAdam, RowAdagrad, clip_grad_norm_
from peerspec.backends.torch.selection import Selection, select

__all__ = [
    "PEER",
    "SGD",
    "LazyAdam",
    "Output",
    "RowAdagrad",
    "Selection",
    "clip_grad_norm_",
    "forward",
    "select",
]
