"""The backend takes bfloat16 tokens beside float32 parameters and nothing else."""

from _base import NumpyBackend

from peerspec.backends.protocol import PRECISIONS


class Variant(NumpyBackend):
    profiles = NumpyBackend.profiles - set(PRECISIONS) | {"mixed-bfloat16"}

    def run(self, layer, x, mask, training):
        assert (layer.dtype.name, x.dtype.name) == ("float32", "bfloat16")
        return super().run(layer, x, mask, training)


name, profiles, forward, select, gradients = Variant.as_backend()
