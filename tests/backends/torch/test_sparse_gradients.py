"""The suite on the module with sparse gradients, with and without the native core."""

from contextlib import nullcontext

import pytest
import torch

from peerspec.backends.torch import PEER, backend
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.kernels import library_operations
from peerspec.conformance import check_backend


class Sparse:
    """The module, with the gradients of its tables as sparse tensors."""

    name = "torch, sparse gradients"
    profiles = backend.profiles
    forward = staticmethod(backend.forward)
    rows = 0

    def gradients(self, layer, x, dy, *, mask=None, training=True):
        module, tokens = PEER.from_layer(layer), to_tensor(x).clone().requires_grad_()
        module.sparse_gradients = True
        module.train(training)
        y = module(tokens, None if mask is None else to_tensor(mask))
        learned = {**dict(module.named_parameters()), "x": tokens}
        found = dict(zip(learned, torch.autograd.grad(y, list(learned.values()), to_tensor(dy)), strict=True))
        assert {name for name, gradient in found.items() if gradient.is_sparse} == set(layer.params) & {
            "experts.u",
            "experts.v",
            "experts.w",
        }
        self.rows += len(found["experts.u"].values())
        return {name: to_array(gradient.to_dense()) for name, gradient in found.items()}


@pytest.mark.parametrize("where", [nullcontext, library_operations])
def test_sparse_gradients_conform_in_every_precision(where):
    judged = Sparse()
    with where():
        report = check_backend(judged, size="minimal", only=["gradients"])
    assert report.exit_status == 0
    assert judged.rows > 0
