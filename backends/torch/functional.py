"""The public functions of tensors: the whole layer, an adapter, and the exact selection alone.

from peerspec.backends.torch import functional

output = functional.forward(config, params, x)  # y, scores, indices, gates, state
scores, indices = functional.select(scores1, scores2, k)
"""

from peerspec.backends.torch.adapter.functional import AdapterOutput, adapt
from peerspec.backends.torch.forward import Output, forward
from peerspec.backends.torch.selection import Selection, select

__all__ = ["AdapterOutput", "Output", "Selection", "adapt", "forward", "select"]
