"""A smaller number of experts cuts the layer without an error."""

from dataclasses import replace

from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-2", "parameters"


class Mutant(GrowingBackend):
    def grow(self, layer, num_experts, *, seed):
        if num_experts >= layer.config.num_experts:
            return super().grow(layer, num_experts, seed=seed)
        n = replace(layer.config, num_experts=num_experts).n
        rows = {name: array[: n * n] for name, array in layer.params.items() if name.startswith("experts.")}
        return dict(layer.params) | rows | {"keys": layer.params["keys"][:, :, :n]}


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
