"""An x that does not lie in rows of memory is an error."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        if not x.flags.c_contiguous:
            raise RuntimeError("view size is not compatible with the size and stride of x")
        return super().forward(layer, x, **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
