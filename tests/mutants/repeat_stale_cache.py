"""The output is cached by configuration, dtype and shape of x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        key = (layer.config, layer.dtype, x.shape, *options.values())
        if not any(option is not None and option is not False for option in options.values()):
            if key not in self.cache:
                self.cache[key] = super().forward(layer, x, **options)
            return self.cache[key]
        return super().forward(layer, x, **options)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
