"""Composed bounds from both sides: a legal adversary reaches a large share of a bound, a slightly worse one exceeds it.

An adversary computes in float64 with the largest errors of the model, all in one direction; ``u`` scales them. With
u = 2⁻²⁴ it is legal and must reach the given share of the bound. With errors scaled beyond the bound it must be caught.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import special

from peerspec.conformance.bounds import query_norm, stages
from peerspec.conformance.bounds.activation import activation_bounds, derivative_bounds
from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.bounds.gates import gate_bounds, gate_derivative, gates_of_y, gates_of_y_beside
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.bounds.model import DIVIDE, EXP, FUNCTION, LOG, PARTS, TRUNCATE, model_for
from peerspec.conformance.bounds.operations import contract, multiply, returned, scatter_sum, sum_over
from peerspec.reference import DTYPES, Layer, PeerConfig

U = 2.0**-24
F32 = model_for(np.dtype(np.float32))
Adversary = Callable[[float], np.ndarray]
RNG = np.random.default_rng(0)
A = np.linspace(-8, 8, 4001)
Z = np.sqrt(2 / np.pi) * (A + 0.044715 * A**3)
SCORES = np.sort(RNG.normal(size=(20, 8)), -1)
RISING = np.linspace(-1e-3, 0, 16)[None]
LARGE = SCORES + 200


def _share(got: np.ndarray, expected: Bounded) -> float:
    worst = deviation(got, expected)
    assert worst is not None
    return worst.share


def _softmax(scores: np.ndarray) -> np.ndarray:
    return special.softmax(scores, -1)


def _two_passes(u: float) -> np.ndarray:
    total = np.exp(SCORES - SCORES.max(-1, keepdims=True)).sum(-1, keepdims=True) * (1 - EXP * u) * (1 - 8 * u)
    return np.exp(SCORES - SCORES.max(-1, keepdims=True)) * (1 + EXP * u) / total * (1 + DIVIDE * u)


def _log_softmax(u: float) -> np.ndarray:
    a = SCORES - SCORES.max(-1, keepdims=True)
    log = np.log(np.exp(a).sum(-1, keepdims=True) * (1 - EXP * u) * (1 - 8 * u)) * (1 - LOG * u)
    return np.exp((a * (1 - u) - log) * (1 - 3 * u)) * (1 + EXP * u)


def _online(u: float) -> np.ndarray:
    total, most = np.zeros(1), RISING[:, 0]
    for score in RISING.T:
        total = (total * np.exp(most - score) * (1 - (EXP + 1) * u) + np.exp(score - score) * (1 - EXP * u)) * (1 - u)
        most = score
    return np.exp(RISING - most[:, None]) * (1 + EXP * u) / total[:, None] * (1 + DIVIDE * u)


def _log_sum_exp(u: float) -> np.ndarray:
    """ln Σ e^s is rounded once, at the size of the scores."""
    most = LARGE.max(-1, keepdims=True)
    log = np.log(np.exp(LARGE - most).sum(-1, keepdims=True) * (1 + EXP * u) * (1 + 8 * u)) * (1 + LOG * u)
    return np.exp(LARGE - (most + log) * (1 + u)) * (1 - EXP * u)


def _scaled(u: float) -> np.ndarray:
    """Scores round after the product with log₂e: the first of each head down, all others up."""
    scaled = LARGE * np.where(np.arange(8) == 0, 1 - u, 1 + u)
    return _softmax(scaled) * (1 - 2 * EXP * u)


def _log_sum_exp_of_scaled(u: float) -> np.ndarray:
    return _scaled(u) * np.exp(-LARGE.max(-1, keepdims=True) * u)


def _rescaled(u: float) -> np.ndarray:
    """The factor of each term of y where the maximum grows with every score."""
    later = np.arange(16)[::-1]
    return _online(u) * (1 + (EXP + 1) * u * later)


def _gelu(u: float) -> np.ndarray:
    away = np.sign(A)  # moves erf away from zero, so that all errors have one direction where a > 0
    return 0.5 * A * (1 + special.erf(A / np.sqrt(2) * (1 + 2 * u)) + away * FUNCTION * u) * (1 + 3 * u)


def _gelu_tanh(u: float) -> np.ndarray:
    return 0.5 * A * (1 + np.tanh(Z * (1 + 6 * u)) + np.sign(A) * FUNCTION * u) * (1 + 3 * u)


def _gelu_slope(u: float) -> np.ndarray:
    density = np.exp(-0.5 * A * A * (1 - np.sign(A) * 3 * u)) / np.sqrt(2 * np.pi) * (1 + np.sign(A) * EXP * u)
    cdf = 0.5 * (1 + special.erf(A / np.sqrt(2)) + FUNCTION * u) * (1 + u)
    return (cdf + A * density * (1 + np.sign(A) * 3 * u)) * (1 + u)


def _gelu_tanh_slope(u: float) -> np.ndarray:
    t = np.tanh(Z)
    off = np.where(A * t > 0, -1, 1) * np.sign(A) * FUNCTION * u
    bend = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * A * A)
    return 0.5 * (1 + t + off) + 0.5 * A * (1 - (t + off) ** 2) * bend


def _silu_slope(u: float) -> np.ndarray:
    s = special.expit(A)
    return (s + FUNCTION * u) * (1 + A * (1 - s + np.sign(A) * FUNCTION * u))


QUERIES = RNG.uniform(3, 4, (40, 1, 2))


def _one_pass(u: float) -> np.ndarray:
    square = (QUERIES**2).mean(0, keepdims=True) * (1 + len(QUERIES) * u)
    mean = QUERIES.mean(0, keepdims=True) * (1 - len(QUERIES) * u)
    return square - mean * mean


def _norm_apart(u: float) -> np.ndarray:
    """q·a + (b − mean·a) with a mean far from zero; the bracket is the first of D + 1 terms."""
    mean, var = (LAYER.params[f"query_norm.{name}"].astype(float) for name in ("mean", "var"))
    scale, bias = (LAYER.params[f"query_norm.{name}"].astype(float) for name in ("scale", "bias"))
    slope = scale / np.sqrt(var + 1e-5) * (1 + 2 * DIVIDE * u)
    toward = np.sign(mean * slope)
    first = (bias - mean * slope * (1 - toward * u)) * (1 - toward * u)
    return FAR * slope * (1 + toward * u) + first * (1 - toward * TRUNCATE * LAYER.config.d_model * u)


LAYER = Layer.random(PeerConfig(33, 2, 49, 4, 10, d_out=5, query_norm="batch"), seed=1)
LAYER.params["query_norm.mean"][:] = 50
LAYER.params["query_norm.var"][:] = 1
FAR = RNG.uniform(49, 51, (6, 2, 10))
PLAIN = Layer.random(PeerConfig(9, 1, 49, 4, 64, d_out=5, activation="identity"), seed=2)
X = RNG.uniform(0.5, 1, (6, 9))
PLAIN.params["query.weight"][:] = np.abs(PLAIN.params["query.weight"])
PLAIN.params["keys"][:] = np.abs(PLAIN.params["keys"]) * np.where(np.arange(32) % 2, -1, 1)  # terms nearly cancel


def _folded(u: float) -> np.ndarray:
    """Each entry of C·W and each later sum has the error of parts and of truncated sums, away from zero."""
    weight, keys = PLAIN.params["query.weight"].astype(float), PLAIN.params["keys"].astype(float)
    parts = np.einsum("hcd,nc->hncd", weight[:, :32], keys[0, 0])
    return np.einsum("hncd,td->thn", parts * (1 + (2 * PARTS + TRUNCATE * 41) * u * (parts > 0)), X)


def _moved(u: float) -> np.ndarray:
    return 0.9 * OLD * (1 + u) ** 3 + 0.1 * 4.0 * (1 + u) ** 3


OLD = np.array([2.0, 3.0])


def _pairs() -> Iterator[tuple[str, Bounded, Adversary, float]]:
    yield "softmax, two passes", gate_bounds(F32, "softmax", given(SCORES)), _two_passes, 0.45
    yield "softmax, log", gate_bounds(F32, "softmax", given(SCORES)), _log_softmax, 0.6
    yield "softmax, online", gate_bounds(F32, "softmax", given(RISING)), _online, 0.7
    yield "softmax, ln Σ e^s rounded", gate_bounds(F32, "softmax", given(LARGE)), _log_sum_exp, 0.35
    yield "softmax, scaled scores", gate_bounds(F32, "softmax", given(LARGE)), _scaled, 0.6
    yield "softmax, both", gate_bounds(F32, "softmax", given(LARGE)), _log_sum_exp_of_scaled, 0.9
    yield "terms of y rescaled", gates_of_y(F32, "softmax", given(RISING)), _rescaled, 0.7
    yield "logistic", gate_bounds(F32, "sigmoid", given(A)), lambda u: special.expit(A) + FUNCTION * u, 0.99
    yield "gelu", activation_bounds(F32, "gelu", given(A)), _gelu, 0.9
    yield "gelu_tanh", activation_bounds(F32, "gelu_tanh", given(A)), _gelu_tanh, 0.9
    yield (
        "silu",
        activation_bounds(F32, "silu", given(A)),
        lambda u: A * (special.expit(A) + FUNCTION * u) * (1 + u),
        0.99,
    )
    yield "gelu slope", derivative_bounds(F32, "gelu", given(A)), _gelu_slope, 0.8
    yield "gelu_tanh slope", derivative_bounds(F32, "gelu_tanh", given(A)), _gelu_tanh_slope, 0.75
    yield "silu slope", derivative_bounds(F32, "silu", given(A)), _silu_slope, 0.85
    mean, var = query_norm.moments(F32, given(QUERIES), 0)
    yield "mean", mean, lambda u: QUERIES.mean(0, keepdims=True) * (1 + (len(QUERIES) - 1 + DIVIDE) * u), 0.85
    yield "variance, one pass", var, _one_pass, 0.8
    normed = query_norm.query_normed(F32, LAYER, given(FAR), np.ones(6, bool), training=False)
    yield "norm apart", normed.q, _norm_apart, 0.85
    yield "running statistics", query_norm.updated(F32, OLD, given(np.full(2, 4.0))), _moved, 0.8
    q = stages.query(F32, PLAIN, X)
    yield "keys folded", stages.half_scores(F32, PLAIN, q)[0], _folded, 0.55


PAIRS = {pair[0]: pair[1:] for pair in _pairs()}


@pytest.mark.parametrize("name", PAIRS)
def test_a_legal_adversary_comes_near_its_bound_and_a_worse_one_is_caught(name: str) -> None:
    bound, adversary, least = PAIRS[name]
    share = _share(adversary(U), bound)
    assert least <= share <= 1
    assert _share(adversary(U * 1.1 / share), bound) > 1


def test_both_paths_to_x_may_be_one_sum() -> None:
    """The largest term comes first, and every later rounding acts on it, one for each term of both paths."""
    layer = Layer.random(PeerConfig(3, 1, 4, 1, 40, d_out=1, activation="identity", gate="sigmoid"), seed=3)
    layer.params["experts.u"][:], layer.params["experts.v"][:] = 1024, 1
    x, dy, ids = np.full((1, 3), 0.125), np.ones((1, 1)), np.zeros((1, 1, 1), int)
    bound = gradient_bounds(F32, F32, layer, x, dy, np.ones(1, bool), ids)["x"]
    terms = 1 + layer.config.d_key
    first = 1024 * special.expit(0)  # approximately gate · z · u, because the scores are near zero
    assert (bound.error > 0.8 * terms * U * first).all()


@pytest.mark.parametrize(("scores", "off", "least"), [(SCORES, 2 * EXP + DIVIDE + 8, 0.2), (LARGE, 28 + 200, 0.15)])
def test_gates_that_sum_to_one_only_nearly_may_weigh_differences(scores: np.ndarray, off: float, least: float) -> None:
    gate, same = given(_softmax(scores)), given(np.full(scores.shape, 1e3))
    bound = gate_derivative(F32, "softmax", given(scores), gate, same)
    far = _softmax(scores) * 1e3 * off * U  # g·(dg − Σ g·dg) where Σ g has this error
    share = _share(far, bound)
    assert least <= share <= 1
    assert _share(1.1 / share * far, bound) > 1


def test_the_maximum_may_be_differentiated_and_then_takes_the_roundings_of_its_head() -> None:
    value, dgate = _softmax(SCORES), RNG.normal(size=SCORES.shape)
    bound = gate_derivative(F32, "softmax", given(SCORES), given(value), given(dgate))
    got, size = bound.value.copy(), (value * np.abs(dgate)).sum(-1)
    got[:, -1] += (4 * 8 + 3 * DIVIDE + 5) * U * size  # scores rise, so the last of each head is the largest
    share = _share(got, bound)
    assert 0.4 <= share <= 1
    assert _share(bound.value + 1.1 / share * (got - bound.value), bound) > 1
    elsewhere = bound.value.copy()
    elsewhere[:, 0] += got[:, -1] - bound.value[:, -1]
    assert _share(elsewhere, bound) > 1


def test_y_may_use_other_legal_gates_than_those_returned() -> None:
    returned, used = _log_sum_exp_of_scaled(U), 2 * _softmax(LARGE) - _log_sum_exp_of_scaled(U)
    bound = gates_of_y_beside(F32, "softmax", returned, LARGE)
    share = _share(used, bound)
    assert 0.7 <= share <= 1
    assert _share(returned + 1.1 / share * (used - returned), bound) > 1


def test_y_uses_the_returned_gate_where_it_is_one_or_logistic() -> None:
    one = np.ones((3, 1))
    assert not gates_of_y_beside(F32, "softmax", one, one).error.any()
    logistic = special.expit(SCORES)
    assert np.array_equal(gates_of_y_beside(F32, "sigmoid", logistic, SCORES).error, U * logistic)


def test_a_gate_is_never_larger_than_one_however_large_the_scores() -> None:
    far = np.array([[1e30, 1e30, -1e30]])
    bound = gate_bounds(F32, "softmax", given(far))
    assert (bound.error <= 1.01).all()
    log_sum_exp = np.float32(1e30) + np.float32(np.log(2))
    assert _share(np.exp(far.astype(np.float32) - log_sum_exp), bound) <= 1  # 1, 1, 0: ln 2 is lost beside 10³⁰


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_value_is_returned_with_one_rounding_to_the_input_dtype(precision: str) -> None:
    model = model_for(np.dtype(DTYPES[precision]))
    exact = given(RNG.uniform(1, 2, 100))
    bound = returned(model, exact)
    assert _share(exact.value * (1 + model.u_in), bound) == pytest.approx(1, abs=1e-3)
    assert _share(exact.value * (1 + 1.01 * model.u_in), bound) > 1
    rounded = exact.value.astype(DTYPES[precision]).astype(float)
    assert _share(rounded, bound) <= 1
    truncated = (exact.value - model.u_in).astype(DTYPES[precision]).astype(float)  # towards zero, not to nearest
    assert _share(truncated, bound) > 1


@pytest.mark.parametrize("precision", DTYPES)
def test_a_result_that_underflows_may_be_zero_and_a_larger_one_may_not(precision: str) -> None:
    model = model_for(np.dtype(DTYPES[precision]))
    small = given(np.array([0.99 * model.tiny_in]))
    assert 0.9 <= _share(np.zeros(1), returned(model, small)) <= 1
    assert _share(np.zeros(1), returned(model, given(np.array([1.1 * model.tiny_in])))) > 1
    half = given(np.array([np.sqrt(model.tiny) * 0.99]))
    assert 0.9 <= _share(np.zeros(1), multiply(model, half, half)) <= 1
    assert _share(np.zeros(1), multiply(model, half, given(half.value * 1.1))) > 1


@pytest.mark.parametrize("precision", DTYPES)
def test_sums_and_products_of_zeros_are_exactly_zero(precision: str) -> None:
    model, zero, some = model_for(np.dtype(DTYPES[precision])), given(np.zeros((3, 4))), given(RNG.normal(size=(3, 4)))
    for bound in (
        multiply(model, zero, some),
        sum_over(model, zero, 0),
        contract(model, "tc,tc->t", zero, some, 4),
        scatter_sum(model, (2, 4), np.array([0, 0, 1]), zero),
        returned(model, zero),
        gate_derivative(model, "softmax", zero, given(np.full((3, 4), 0.25), 1e-6), zero),
    ):
        assert not bound.error.any()
        assert not bound.value.any()


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_with_one_expert_the_gradient_of_the_router_is_exactly_zero(norm: str) -> None:
    layer = Layer.random(PeerConfig(7, 2, 25, 1, 6, d_out=5, query_norm=norm), seed=1)
    x, dy, ids = RNG.normal(size=(6, 7)), RNG.normal(size=(6, 5)), RNG.integers(0, 25, (6, 2, 1))
    for name, bound in gradient_bounds(F32, F32, layer, x, dy, np.ones(6, bool), ids).items():
        router = name.startswith(("query", "keys"))
        assert router == (not bound.value.any() and not bound.error.any())


def test_the_derivative_of_relu_lies_between_0_and_1_where_rounding_decides() -> None:
    bound = derivative_bounds(F32, "relu", given(np.array([1e-9, -1e-9]), 1e-8))
    for slope in (0.0, 0.5, 1.0):
        assert _share(np.full(2, slope), bound) <= 1
    for slope in (-0.01, 1.01):
        assert _share(np.full(2, slope), bound) > 1


@pytest.mark.parametrize("value", [0.9, 0.1, 1e-5])
def test_a_constant_has_an_error_of_one_rounding(value: float) -> None:
    bound = query_norm.constant(F32, value)
    assert 0.01 < _share(np.array(np.float32(value)), bound) <= 1
    assert _share(np.array(value * (1 + 1.1 * U)), bound) > 1
