"""Bounds from both sides: a legal adversary reaches a large share of a bound, and a slightly worse one exceeds it.

The adversary computes in float64 and multiplies the result of every operation by 1 + u, the largest error of the
standard model. The error of float64 itself is 2⁻²⁹ of that.
"""

from collections.abc import Callable

import numpy as np
import pytest

from peerspec.conformance.bounds import stages
from peerspec.conformance.bounds.activation import (
    CURVATURE,
    EVALUATION,
    LIPSCHITZ,
    activation_bounds,
    derivative_bounds,
)
from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.bounds.gates import gate_bounds
from peerspec.conformance.bounds.model import PARTS, TRUNCATE, Model, model_for
from peerspec.conformance.bounds.operations import (
    add,
    contract,
    divide,
    multiply,
    returned,
    root,
    scatter_sum,
    sum_over,
)
from peerspec.conformance.bounds.selection import margins
from peerspec.reference import DTYPES, Layer, PeerConfig
from peerspec.reference.activations import activate, activate_derivative
from peerspec.reference.config import ACTIVATIONS

U = 2.0**-24
UP = 1 + U
NOISE = 2.0**-27  # a few roundings of float64, 2⁻⁵³ each, relative to bounds of at least u = 2⁻²⁴
F32 = model_for(np.dtype(np.float32))
RNG = np.random.default_rng(0)


def _share(got: np.ndarray, expected: Bounded) -> float:
    worst = deviation(got, expected)
    assert worst is not None
    return worst.share


def _adversarial_dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Left to right; every product loses what parts may lose, and every sum is truncated: (1 − 2u)^m (1 − 12u)."""
    out = np.zeros(len(a))
    for i in range(a.shape[1]):
        out = (out + a[:, i] * b[:, i] * (1 - PARTS * U)) * (1 - TRUNCATE * U)
    return out


@pytest.mark.parametrize("width", [1, 3, 33, 512])
def test_an_inner_product_may_lose_the_bits_that_matrix_units_drop_and_no_more(width: int) -> None:
    a, b = RNG.uniform(0.1, 1, (2, 8, width))
    a[:, 0] = 1000  # every later rounding acts on the first term
    bound = contract(F32, "tc,tc->t", given(a), given(b), width)
    assert 0.9 <= _share(_adversarial_dot(a, b), bound) <= 1
    assert _share(bound.value + 1.01 * bound.error, bound) > 1


def test_only_products_of_binary32_may_be_made_of_parts_and_truncated() -> None:
    wide = model_for(np.dtype(np.float64))
    assert wide.product(17) == wide.tau(17) == wide.gamma(17)
    for name in ("float32", "bfloat16", "float16"):
        model = model_for(DTYPES[name])
        assert model.product(17) / U == pytest.approx(12 + 2 * 17, rel=1e-4)
        assert (model.tau(17) / U, model.gamma(17) / U) == pytest.approx((2 * 17, 17), rel=1e-4)
        assert model.exact().product(17) == 0


def test_gamma_is_positive_finite_and_monotone_for_every_number_of_terms_and_never_above_the_usual_one() -> None:
    terms = 2.0 ** np.arange(33)  # u·m from 2⁻²⁴ to 2⁸
    gamma = F32.gamma(terms)
    assert (np.diff(gamma) > 0).all()
    assert np.isfinite(gamma).all()
    usual = sum(terms[:24] * u / (1 - terms[:24] * u) for u in (F32.u, 2.0**-53))
    assert (gamma[:24] <= usual * (1 + 2.0**-50)).all()


@pytest.mark.parametrize("terms", [1, 7, 1000, 2**24, 33_000_000])
def test_gamma_covers_the_largest_product_of_roundings(terms: int) -> None:
    up, down = np.expm1(terms * np.log1p(U)), -np.expm1(terms * np.log1p(-U))
    divided = np.expm1(-terms * np.log1p(-U))
    gamma = F32.gamma(terms)
    assert max(up, down) < divided <= gamma < 1.01 * divided


OPERATIONS: dict[str, tuple[Callable[[Model, Bounded, Bounded], Bounded], Callable]] = {
    "add": (add, lambda a, b: (a + b) * UP),
    "multiply": (multiply, lambda a, b: a * b * UP),
    "divide": (divide, lambda a, b: a / b * (1 + 4 * U)),
    "root": (lambda model, a, _: root(model, a), lambda a, b: np.sqrt(a) * (1 + 4 * U)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_one_operation_reaches_its_bound_with_and_without_errors_of_its_operands(name: str) -> None:
    bounded, adversary = OPERATIONS[name]
    a, b = RNG.uniform(1, 2, (2, 50))
    assert 0.99 <= _share(adversary(a, b), bounded(F32, given(a), given(b))) <= 1
    ea, eb = 1e-5, 2e-5
    loose = bounded(F32, given(a, ea), given(b, eb))
    worst = adversary(a - ea, b) if name == "root" else adversary(a + ea, b - eb if name == "divide" else b + eb)
    assert 0.9 <= _share(worst, loose) <= 1 + NOISE
    assert _share(loose.value + 1.01 * loose.error, loose) > 1


def test_sums_and_scatters_count_their_terms() -> None:
    a = RNG.uniform(1, 2, (40, 1))
    rounded = truncated = 0.0
    for term in a[:, 0]:
        rounded = (rounded + term) * UP
        truncated = (truncated + term * (1 - PARTS * U)) * (1 - TRUNCATE * U)
    assert 0.4 <= _share(np.array([rounded]), sum_over(F32, given(a), 0)) <= 1
    places = np.zeros(40, int)
    scattered = scatter_sum(F32, (3, 1), places, given(a))
    assert 0.4 <= _share(np.array([[truncated], [0], [0]]), scattered) <= 1
    assert _share(np.array([[truncated], [0], [1e-300]]), scattered) == np.inf  # untouched rows are exactly zero


@pytest.mark.parametrize("k", [2, 16])
def test_softmax_allows_the_errors_of_its_scores_and_no_more(k: int) -> None:
    scores = np.sort(RNG.normal(size=(20, k)) * 5)[:, ::-1]
    error = 1e-6
    moved = scores.copy()
    moved[:, 0] -= error
    moved[:, 1:] += error
    powers = np.exp(moved - moved.max(-1, keepdims=True))
    worst = powers / powers.sum(-1, keepdims=True)
    bound = gate_bounds(F32, "softmax", given(scores, error))
    assert 0.1 <= _share(worst, bound) <= 1
    assert _share(bound.value + 1.01 * bound.error, bound) > 1


def test_log_softmax_at_large_scores_is_legal() -> None:
    scores = (RNG.normal(size=(200, 16)) * 50).astype(np.float32)
    top = scores.max(-1, keepdims=True)
    shifted = scores - top
    log_sum = np.log(np.exp(shifted).sum(-1, keepdims=True, dtype=np.float32))
    assert _share(np.exp(shifted - log_sum), gate_bounds(F32, "softmax", given(scores))) <= 1


def test_a_gate_of_one_expert_is_exactly_one() -> None:
    bound = gate_bounds(F32, "softmax", given(np.array([[3.0]]), 1.0))
    assert _share(np.array([[1.0]]), bound) == 0
    assert _share(np.array([[1.0 - 2**-24]]), bound) == np.inf


def test_the_logistic_function_allows_16_u() -> None:
    scores = RNG.normal(size=(50, 4))
    bound = gate_bounds(F32, "sigmoid", given(scores))
    assert _share(bound.value + 15.9 * U, bound) <= 1
    assert _share(bound.value + 16.1 * U, bound) > 1


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_the_constants_of_an_activation_are_its_largest_slope_and_curvature(kind: str) -> None:
    a = np.linspace(-12, 12, 480_001)
    slope = np.abs(activate_derivative(kind, a)).max()
    assert slope <= LIPSCHITZ[kind] <= slope * 1.001
    if kind not in ("relu", "identity"):
        h = a[1] - a[0]
        curvature = np.abs(np.diff(activate_derivative(kind, a)) / h).max()
        assert curvature <= CURVATURE[kind] * (1 + 1e-6)
        assert CURVATURE[kind] <= curvature * 1.001


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_an_argument_within_its_error_keeps_the_activation_within_its_bound(kind: str) -> None:
    a, error = np.linspace(-8, 8, 4001), 1e-3
    exact = F32.exact()
    bound = activation_bounds(exact, kind, given(a, error))
    shares = [_share(activate(kind, a + side * error), bound) for side in (-1, 1)]
    assert 0.99 <= max(shares) <= 1 + NOISE
    slope = derivative_bounds(exact, kind, given(a, error))
    assert max(_share(activate_derivative(kind, a + side * error), slope) for side in (-1, 1)) <= 1 + NOISE


@pytest.mark.parametrize("kind", [kind for kind in ACTIVATIONS if EVALUATION[kind]])
def test_the_usual_formula_in_float32_is_legal_and_the_other_gelu_is_not(kind: str) -> None:
    from scipy import special

    a = RNG.uniform(-8, 8, 100_000).astype(np.float32)
    half, one = np.float32(0.5), np.float32(1)
    usual = {
        "gelu": lambda: half * a * (one + special.erf(a * np.float32(2**-0.5))),
        "gelu_tanh": lambda: (
            half * a * (one + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (a + np.float32(0.044715) * a * a * a)))
        ),
        "silu": lambda: a / (one + np.exp(-a)),
    }[kind]()
    bound = activation_bounds(F32, kind, given(a.astype(np.float64)))
    assert usual.dtype == np.float32
    assert 0.05 <= _share(usual, bound) <= 1
    other = {"gelu": "gelu_tanh", "gelu_tanh": "gelu", "silu": "gelu"}[kind]
    assert _share(activate(other, a.astype(np.float64)), bound) > 100


def test_either_derivative_of_relu_passes_only_where_rounding_decides() -> None:
    bound = derivative_bounds(F32, "relu", given(np.array([1e-9, 1e-3, 0.0]), np.array([1e-8, 1e-8, 0.0])))
    assert _share(np.array([0.0, 1.0, 0.0]), bound) <= 1
    assert _share(np.array([1.0, 0.0, 0.0]), bound) == np.inf
    assert _share(np.array([1.0, 1.0, 1.0]), bound) == np.inf  # relu'(0) = 0 on exact data


def _layer() -> tuple[Layer, np.ndarray]:
    layer = Layer.random(PeerConfig(33, 2, 49, 4, 10, d_out=5), seed=1)
    return layer, RNG.normal(size=(6, 33)).astype(np.float32)


def test_a_swap_within_both_bounds_is_admissible_and_one_beyond_is_not() -> None:
    s1 = given(np.array([[[3.0, 2.0, 0.0]]]), 0.1)
    s2 = given(np.array([[[1.0, 0.85, -5.0]]]), 0.1)
    exact = F32.exact()
    swapped = margins(exact, s1, s2, np.array([[[1]]]))  # expert 1 = (0, 1), 0.15 below expert 0, bounds 0.2 each
    assert swapped.excess[0, 0] <= 0
    assert 0.3 < swapped.share[0, 0] <= 1
    beyond = margins(exact, s1, s2, np.array([[[3]]]))  # expert 3 = (1, 0), 1.0 below
    assert beyond.excess[0, 0] == pytest.approx(1.0 - 0.4)
    assert (beyond.omitted[0, 0], beyond.selected[0, 0]) == (0, 3)
    assert beyond.share[0, 0] == pytest.approx(1.0 / 0.4)


def test_ties_on_exact_data_are_admissible_either_way_but_not_certain() -> None:
    s1, s2 = given(np.array([[[1.0, 1.0]]])), given(np.array([[[0.0, -1.0]]]))
    for choice in (0, 2):
        margin = margins(F32.exact(), s1, s2, np.array([[[choice]]]))
        assert margin.excess[0, 0] <= 0
        assert not margin.certain[0, 0]
    assert margins(F32.exact(), s1, s2, np.array([[[0, 2]]])).certain[0, 0]


def _parts(a: np.ndarray, bits: int, number: int, nearest: bool) -> list[np.ndarray]:
    """``a`` as a sum of parts of ``bits`` bits, rounded to nearest or towards zero, and of a rest."""
    found = []
    for _ in range(number):
        mantissa, exponent = np.frexp(a)
        whole = np.ldexp(mantissa, bits)
        found.append(np.ldexp(np.rint(whole) if nearest else np.trunc(whole), exponent - bits))
        a = a - found[-1]
    return found


def _in_parts(bits: int, number: int, *, nearest: bool = True, highest: int | None = None) -> float:
    """The largest relative error in u of a product of parts whose places sum to at most ``highest``."""
    a, b = (RNG.uniform(1, 2, (2, 400_000)).astype(np.float32)).astype(np.float64)
    left, right = _parts(a, bits, number, nearest), _parts(b, bits, number, nearest)
    kept = number - 1 if highest is None else highest
    got = sum(x * y for i, x in enumerate(left) for j, y in enumerate(right) if i + j <= kept)
    return float(np.abs(got / (a * b) - 1).max() / U)


def test_a_product_of_enough_parts_is_legal_and_one_of_fewer_is_not() -> None:
    assert 4 < _in_parts(11, 2) <= 8  # 3×TF32
    assert _in_parts(8, 3) <= 2  # six products of bfloat16
    assert 4 < _in_parts(8, 3, nearest=False) <= 8.1
    assert _in_parts(8, 3, highest=4) < 0.01  # nine products
    assert _in_parts(11, 2, nearest=False) > PARTS  # the low bits of operands ignored instead of rounded
    assert _in_parts(8, 2) > 10 * PARTS  # three products of bfloat16
    assert _in_parts(11, 1) > 100 * PARTS  # plain TF32


def test_tf32_products_exceed_the_float32_bound_of_a_query() -> None:
    layer, x = _layer()
    weight = layer.params["query.weight"]
    bound = stages.query(F32, layer, x.astype(np.float64))
    assert _share(np.einsum("hcd,td->thc", weight, x), bound) <= 1
    [high], [high_x] = _parts(weight.astype(float), 11, 1, True), _parts(x.astype(float), 11, 1, True)
    assert _share(np.einsum("hcd,td->thc", high, high_x), bound) > 5


def test_three_products_of_bfloat16_exceed_the_bound_of_a_short_inner_product() -> None:
    a, b = RNG.uniform(-1, 1, (2, 2000, 8)).astype(np.float32).astype(np.float64)
    left, right = _parts(a, 8, 2, True), _parts(b, 8, 2, True)
    three = sum(np.einsum("tc,tc->t", left[i], right[j]) for i, j in ((0, 1), (1, 0), (0, 0)))
    assert _share(three, contract(F32, "tc,tc->t", given(a), given(b), 8)) > 2


def test_an_exact_stage_has_bound_zero() -> None:
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])
    bound = contract(F32.exact(), "tc,tc->t", given(a), given(b), 2)
    assert bound.error.tolist() == [0.0]
    assert _share(np.array([1.0]), bound) == 0
    assert _share(np.array([1.0 + 1e-12]), bound) == np.inf


def test_nan_is_beyond_every_bound() -> None:
    assert _share(np.array([np.nan]), given(np.array([1.0]), 1e9)) == np.inf


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_a_returned_value_is_compared_unless_it_may_overflow(name):
    model = model_for(DTYPES[name])
    assert np.asarray(model.largest_in).astype(DTYPES[name]) == model.largest_in
    with np.errstate(over="ignore"):
        assert np.isinf(np.asarray(model.largest_in * 1.01).astype(DTYPES[name]))
    expected = returned(model, given(np.array([model.largest_in / 2, model.largest_in])))
    assert deviation(np.array([model.largest_in / 2, np.inf]), expected).holds
    assert not deviation(np.array([np.inf, np.inf]), expected).holds
    assert not deviation(np.array([np.nan, np.inf]), expected).holds
