"""Gradients are views of buffers that the next call with the same shapes overwrites."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-4", "gradient"


def other_tokens(case):
    case["x"] = case["x"][::-1].copy()


BITES = Bite(sized(), kept=True, before=Bite(change=other_tokens))


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        return {name: self.reused(name, grad) for name, grad in grads.items()}

    def reused(self, name, grad):
        buffer = self.buffers.setdefault((name, grad.shape, grad.dtype), grad)
        buffer[...] = grad
        return buffer

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
