"""supports() says that it takes everything, but forward() raises for more than 16 experts per head."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "CNF-4", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        if layer.config.top_k > 16:
            raise NotImplementedError("at most 16 experts")
        return super().run(layer, x, mask, training)


def supports(config, dtype):
    return True


name, profiles, forward, select, gradients = Mutant.as_backend()
