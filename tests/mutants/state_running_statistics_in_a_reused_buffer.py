"""New running statistics lie in arrays that the next training call overwrites."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        new = super().running_statistics(r, mean, var)
        kept = self.stored.setdefault((r.config, r.compute_dtype), {name: part.copy() for name, part in new.items()})
        for name, part in new.items():
            kept[name][...] = part
        return kept

    stored: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
