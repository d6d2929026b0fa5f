"""The functional forms: the layer, and the exact selection, as functions of tensors.

from peerspec.backends.torch import functional

output = functional.forward(config, params, x)  # y, and the routing beside it
scores, indices = functional.select(scores1, scores2, k)
"""

from peerspec.backends.torch.forward import Output, forward
from peerspec.backends.torch.selection import Selection, select

__all__ = ["Output", "Selection", "forward", "select"]
