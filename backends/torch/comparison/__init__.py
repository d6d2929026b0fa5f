"""The layers that PEER is compared with, in PyTorch (SPEC.md, chapter 15).

    layer = Dense(equal_dense(peer_config, by="flops_per_token"))
    y = layer(torch.randn(4, 256))

Products keep float32 under TF32 and autocast, and equal inputs give equal bits. A product-key memory retrieves with the
operators of ``PEER``.
"""

from peerspec.backends.torch.after_import import after_import as _after_import
from peerspec.backends.torch.comparison.dense import Dense
from peerspec.backends.torch.comparison.expert_choice import ExpertChoice, ExpertChoiceOutput
from peerspec.backends.torch.comparison.pkm import PKM
from peerspec.backends.torch.comparison.token_choice import TokenChoice, TokenChoiceOutput

__all__ = ["PKM", "Dense", "ExpertChoice", "ExpertChoiceOutput", "TokenChoice", "TokenChoiceOutput"]


def _register_flops() -> None:
    from peerspec.backends.torch.comparison import flops  # noqa: F401


_after_import("torch.utils.flop_counter", _register_flops)
