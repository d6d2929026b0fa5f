"""The first mask of a shape is kept for all of this shape."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def evaluated(self, layer, x, mask, training):
        if mask is not None and layer.config.kind == "expert-choice":
            mask = self.__dict__.setdefault("stored", {}).setdefault(mask.shape, mask.copy())
        return super().evaluated(layer, x, mask, training)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
