"""All N experts are evaluated, and experts that are not selected have gate zero."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def output(self, r):
        if r.config.num_experts > 1 << 10:
            return super().output(r)
        table = np.zeros((len(r.x), r.config.num_experts), r.compute_dtype)
        np.add.at(table, (np.arange(len(r.x))[:, None, None], r.ids), r.gates)
        inner = {name: r.x @ r.params[f"experts.{name}"].T for name in r.products}
        weights = self.activate(r.config.activation, inner["w"] if "w" in inner else inner["u"])
        weights = weights * inner["u"] if "w" in inner else weights
        return (table * weights) @ r.params["experts.v"]


name, profiles, forward, select, gradients = Variant.as_backend()
