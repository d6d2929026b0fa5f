"""x is overwritten with the output."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-2", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        out = super().forward(layer, x, **options)
        x[..., : out.y.shape[-1]] = out.y[..., : x.shape[-1]]
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
