"""x is kept as workspace and set to zero when the next call begins."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        for old in self.kept:
            old[...] = 0
        self.kept[:] = [x]
        return super().forward(layer, x, **options)

    kept: list[object] = []  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
