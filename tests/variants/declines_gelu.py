"""A backend that is an object and declines the activations it may."""

from _base import Net


class Declining(Net):
    """An instance serves as the backend."""

    name, profiles = "declining layer", Net.profiles

    def supports(self, config, dtype):
        return True if config.activation in ("relu", "identity") else "only piecewise linear activations"


supports = Declining().supports
name, profiles, forward, select, gradients = Declining.parts()
