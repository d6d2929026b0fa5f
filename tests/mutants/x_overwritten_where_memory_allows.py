"""x is overwritten with the output, which is an error where all tokens are one row of memory."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-2", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        out = super().forward(layer, x, **options)
        if x.ndim > 1 and x.strides[0] == 0 and x.shape[0] > 1:
            raise RuntimeError("more than one element of x refers to a single memory location")
        x[..., : out.y.shape[-1]] = out.y[..., : x.shape[-1]]
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
