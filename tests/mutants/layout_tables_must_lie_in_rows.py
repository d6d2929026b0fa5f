"""An expert table that does not lie in rows of memory is an error."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PAR-1", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        if not all(layer.params[f"experts.{name}"].flags.c_contiguous for name in "uv"):
            raise RuntimeError("expert tables must lie in rows of memory")
        return super().forward(layer, x, **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
