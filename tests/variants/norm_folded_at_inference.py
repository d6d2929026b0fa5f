"""At inference the running statistics are folded into W and one bias, and gradients pass through the folded W."""

from _base import NumpyBackend


class Variant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        if not self.folds(r):
            return q, state
        r.slope = r.params["query_norm.scale"] / r.std
        bias = r.params["query_norm.bias"] - r.params["query_norm.mean"] * r.slope
        if r.config.query_bias:
            bias = bias + r.params["query.bias"] * r.slope
        return self.einsum("hcd,td->thc", self.folded(r), r.x) + bias, state

    def norm_backward(self, r, dq, grads):
        through, r.dnormed = super().norm_backward(r, dq, grads), dq
        return dq * r.slope if self.folds(r) else through

    def dx_router(self, r, dq):
        if not self.folds(r):
            return super().dx_router(r, dq)
        return self.einsum("hcd,thc->td", self.folded(r), r.dnormed)

    def folds(self, r):
        return r.config.query_norm == "batch" and not r.training

    def folded(self, r):
        return r.params["query.weight"] * r.slope[..., None]


name, profiles, forward, select, gradients = Variant.as_backend()
