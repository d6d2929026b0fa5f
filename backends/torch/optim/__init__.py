"""Optimisers of rows: a step costs what the batch touched and not what the tables hold.

They are ``torch.optim.Optimizer`` subclasses for whole models: where a gradient is sparse its rows are updated, and a
dense gradient counts as one that touches every row. ``SGD`` without momentum and ``RowAdagrad`` do exactly what a step
over all rows would, because a gradient of zero changes nothing there. ``LazyAdam`` is another algorithm than Adam.
"""

from peerspec.backends.torch.optim.adagrad import RowAdagrad
from peerspec.backends.torch.optim.adam import LazyAdam
from peerspec.backends.torch.optim.clip import clip_grad_norm_
from peerspec.backends.torch.optim.optimiser import Optimiser, UpdateError
from peerspec.backends.torch.optim.sgd import SGD

__all__ = ["SGD", "LazyAdam", "Optimiser", "RowAdagrad", "UpdateError", "clip_grad_norm_"]
