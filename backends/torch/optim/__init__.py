"""Optimisers of rows: a step costs what the batch touched and not what the tables hold.

They are ``torch.optim.Optimizer`` subclasses for whole models: where a gradient is sparse its rows are updated, and a
dense gradient counts as one that touches every row. ``SGD`` without momentum and ``RowAdagrad`` do exactly what a step
over all rows would, because a gradient of zero changes nothing there. ``LazyAdam`` is another algorithm than Adam.

The rest of a model may have a dense optimiser beside it:

    layer = PEER(config, sparse_gradients=True)
    tables = list(layer.experts.parameters())
    others = [parameter for name, parameter in layer.named_parameters() if not name.startswith("experts.")]
    optimisers = RowAdagrad(tables, in_backward=True), torch.optim.AdamW(others)

    loss(layer(x)).backward()  # updates the tables
    for optimiser in optimisers:
        optimiser.step()  # updates all others, and counts the step
        optimiser.zero_grad()

Neither sparse gradients nor ``in_backward`` go with ``torch.compile``; both are refused in the backward pass.
"""

from peerspec.backends.torch.in_backward import UpdateError
from peerspec.backends.torch.optim.adagrad import RowAdagrad
from peerspec.backends.torch.optim.adam import LazyAdam
from peerspec.backends.torch.optim.clip import clip_grad_norm_
from peerspec.backends.torch.optim.optimiser import Optimiser
from peerspec.backends.torch.optim.sgd import RowSGD

__all__ = ["LazyAdam", "Optimiser", "RowAdagrad", "RowSGD", "UpdateError", "clip_grad_norm_"]
