"""All N experts are evaluated, and experts that are not selected have gate zero."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def output(self, r):
        if r.config.num_experts > 1 << 10:
            return super().output(r)
        table = np.zeros((len(r.x), r.config.num_experts), r.compute_dtype)
        np.add.at(table, (np.arange(len(r.x))[:, None, None], r.ids), r.gates)
        products = {name: r.x @ r.params[f"experts.{name}"].T for name in r.products}
        weights = self.activate(r.config.activation, products["w"] if "w" in products else products["u"])
        weights = weights * products["u"] if "w" in products else weights
        return (table * weights) @ r.params["experts.v"]


name, profiles, forward, select, gradients = Variant.as_backend()
