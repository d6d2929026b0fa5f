"""The parameters of a dense layer are packed once, and kept by the address of the layer."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def evaluated(self, layer, x, mask, training):
        if layer.config.kind == "dense":
            stored = self.__dict__.setdefault("stored", {})
            if stored.get(id(layer), (None,))[0] is not layer:
                copies = {name: table.copy() for name, table in layer.params.items()}
                stored[id(layer)] = layer, type(layer)(layer.config, copies)
            layer = stored[id(layer)][1]
        return super().evaluated(layer, x, mask, training)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
