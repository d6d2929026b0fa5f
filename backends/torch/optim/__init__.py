"""Optimisers of rows: the cost of a step depends on the rows that a batch touches, not on the size of the tables.

They are subclasses of ``torch.optim.Optimizer`` for whole models. They update the rows of a sparse gradient, and all
rows of a dense one. ``RowSGD`` and ``RowAdagrad`` do exactly what a step over all rows does, because a gradient of zero
changes nothing there. ``LazyAdam`` is another algorithm than Adam.

Other parameters of a model can have a dense optimiser:

    layer = PEER(config, sparse_gradients=True)
    tables = list(layer.experts.parameters())
    others = [parameter for name, parameter in layer.named_parameters() if not name.startswith("experts.")]
    optimisers = RowAdagrad(tables, in_backward=True), torch.optim.AdamW(others)

    loss(layer(x)).backward()  # updates the tables
    for optimiser in optimisers:
        optimiser.step()  # updates all others, and counts the step
        optimiser.zero_grad()

Where several processes hold replicas of a model, an update within the backward pass takes the mean of their gradients:

    names = [name for name, _ in model.named_parameters() if ".experts." in name]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)  # they need no reduction
    RowAdagrad(tables, in_backward=True, process_group=torch.distributed.group.WORLD)

The replicas of the tables must begin with the same bits. Without ``in_backward``, ``DistributedDataParallel`` reduces
sparse gradients as it does those of ``torch.nn.EmbeddingBag(sparse=True)``.

Sparse gradients and ``in_backward`` do not work with ``torch.compile``; the backward pass refuses both.
"""

from peerspec.backends.torch.in_backward import UpdateError
from peerspec.backends.torch.optim.adagrad import RowAdagrad
from peerspec.backends.torch.optim.adam import LazyAdam
from peerspec.backends.torch.optim.clip import clip_grad_norm_
from peerspec.backends.torch.optim.optimiser import Optimiser
from peerspec.backends.torch.optim.sgd import RowSGD

__all__ = ["LazyAdam", "Optimiser", "RowAdagrad", "RowSGD", "UpdateError", "clip_grad_norm_"]
