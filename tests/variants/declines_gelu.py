"""The backend is an object and declines every activation that is not piecewise linear."""

from _base import NumpyBackend


class Declining(NumpyBackend):
    """A backend with a method ``supports``."""

    name, profiles = "declining layer", NumpyBackend.profiles

    def supports(self, config, dtype):
        return True if config.activation in ("relu", "identity") else "only piecewise linear activations"


supports = Declining().supports
name, profiles, forward, select, gradients = Declining.as_backend()
