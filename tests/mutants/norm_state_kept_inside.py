"""Running statistics live in the backend after the first training and those given are ignored."""

from _layer import Net

CLAUSE, STAGE = "IND-3", "query norm"


class Mutant(Net):
    def moved(self, r, mean, var):
        old = self.kept.get(r.config)
        if old:
            r.params |= old
        self.kept[r.config] = super().moved(r, mean, var)
        return self.kept[r.config]

    kept: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
