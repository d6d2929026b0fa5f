"""u and v are taken for each other where D = M."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        params = dict(layer.params)
        if layer.config.d_model == layer.config.d_out:
            params |= {"experts.u": params["experts.v"], "experts.v": params["experts.u"]}
        return super().run(Layer(layer.config, params), x, mask, training)


name, profiles, forward, select, gradients = Mutant.parts()
