"""Running statistics are updated by 0.1 times their difference from the batch statistics."""

from _base import NumpyBackend


class Variant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        tenth = r.compute_dtype.type(0.1)
        old = {name: r.params[f"query_norm.{name}"] for name in ("mean", "var")}
        return {
            f"query_norm.{name}": old[name] + tenth * (new - old[name]) for name, new in (("mean", mean), ("var", var))
        }


name, profiles, forward, select, gradients = Variant.as_backend()
