"""Gradients of a token-choice layer are kept by the tokens, and another dy gets those of the first."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def comparison_gradients(self, layer, x, dy, *, mask=None, training=True):
        if layer.config.kind != "token-choice":
            return super().comparison_gradients(layer, x, dy, mask=mask, training=training)
        stored = self.__dict__.setdefault("stored", {})
        key = (layer.config, layer.dtype, x.tobytes(), x.dtype, None if mask is None else mask.tobytes())
        if key not in stored:
            stored[key] = super().comparison_gradients(layer, x, dy, mask=mask, training=training)
        return {name: part.copy() for name, part in stored[key].items()}


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
