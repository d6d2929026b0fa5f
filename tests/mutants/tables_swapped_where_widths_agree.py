"""Where D = M, the tables u and v are swapped."""

from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        params = dict(layer.params)
        if layer.config.d_model == layer.config.d_out:
            params |= {"experts.u": params["experts.v"], "experts.v": params["experts.u"]}
        return super().run(Layer(layer.config, params), x, mask, training)


name, profiles, forward, select, gradients = Mutant.as_backend()
