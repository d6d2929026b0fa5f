"""It takes only D = M, a multiple of 8, with k ≤ n and the activation relu or gelu: the level base."""

from _base import NumpyBackend


class Variant(NumpyBackend):
    def forward(self, layer, x, **options):
        require(layer.config)
        return super().forward(layer, x, **options)

    def select(self, s1, s2, k):
        assert k <= s1.shape[-1]
        return super().select(s1, s2, k)


def supports(config, dtype):
    if config.d_model != config.d_out or config.d_model % 8:
        return "D and M must be one multiple of 8"
    if config.top_k > config.n:
        return "k must be at most n"
    return True if config.activation in ("relu", "gelu") else "the activation must be relu or gelu"


def require(config):
    assert supports(config, None) is True


name, profiles, forward, select, gradients = Variant.as_backend()
