"""PEER in PyTorch: the module ``PEER``, optimisers of touched rows, and the functions of ``functional``.

Each stage is one operator of ``torch.library`` on any device; ``torch.func`` and second derivatives take plain
operations. On the CPU it runs in the native core where that was built. float32 stays float32 under TF32 and autocast
(PRC-2).

    layer = PEER(PeerConfig(d_model=256, heads=8, num_experts=2**20, top_k=16, d_key=128))
    y = layer(torch.randn(4, 256))
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        'the torch backend needs PyTorch, which is not installed; run: pip install "peerspec[torch]"'
    ) from None

from peerspec.backends.torch import decompositions as _decompositions  # noqa: F401
from peerspec.backends.torch import functional
from peerspec.backends.torch.adapter.adding import add_adapters, remove_adapters
from peerspec.backends.torch.adapter.files import load_adapters, save_adapters
from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.adapter.of_model import adapter_parameters, adapter_state_dict, peer_adapters
from peerspec.backends.torch.after_import import after_import as _after_import
from peerspec.backends.torch.file_metadata import layers_metadata
from peerspec.backends.torch.growth import grow
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.optim import LazyAdam, RowAdagrad, RowSGD, clip_grad_norm_
from peerspec.backends.torch.replace import peer_layers, replace_ffn
from peerspec.backends.torch.trainable import TrainPart, train_part
from peerspec.backends.torch.usage import Usage
from peerspec.backends.torch.usage_sums import UsageSums
from peerspec.reference import Adapter, AdapterConfig, Layer, PeerConfig, Trainable

__all__ = [
    "PEER",
    "Adapter",
    "AdapterConfig",
    "Layer",
    "LazyAdam",
    "PEERAdapter",
    "PeerConfig",
    "RowAdagrad",
    "RowSGD",
    "TrainPart",
    "Trainable",
    "Usage",
    "UsageSums",
    "adapter_parameters",
    "adapter_state_dict",
    "add_adapters",
    "clip_grad_norm_",
    "functional",
    "grow",
    "layers_metadata",
    "load_adapters",
    "peer_adapters",
    "peer_layers",
    "remove_adapters",
    "replace_ffn",
    "save_adapters",
    "train_part",
]


def _register_flops() -> None:
    from peerspec.backends.torch import flops  # noqa: F401


_after_import("torch.utils.flop_counter", _register_flops)
