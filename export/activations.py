"""The activations and the sigmoid as statements in ONNX's text form (SPEC.md, ACT-1, GAT-3, NFT-1).

Each function returns statements that compute ``result`` from ``a``, in the dtype of ``a``. They keep NaN: they use
comparison and Where, because Max may drop a NaN.
"""

from __future__ import annotations

import math

__all__ = ["activation", "sigmoid"]


def activation(kind: str, a: str, result: str) -> str:
    """Statements for σ of the configuration's kind (ACT-1)."""
    return _STATEMENTS[kind](a, result)


def sigmoid(a: str, result: str) -> str:
    """1 / (1 + exp(−a)) without overflow (GAT-3).

    It uses Exp, because runtimes compute Sigmoid with an absolute error (ONNX Runtime: 1e-7), so no digit is correct
    below a = −17.
    """
    return f"""
  {constant(f"{result}_zero", 0.0, a)}
  {constant(f"{result}_one", 1.0, a)}
  {result}_abs = Abs ({a})
  {result}_neg = Neg ({result}_abs)
  {result}_small = Exp ({result}_neg)
  {result}_low = Less ({a}, {result}_zero)
  {result}_over = Where ({result}_low, {result}_small, {result}_one)
  {result}_under = Add ({result}_small, {result}_one)
  {result} = Div ({result}_over, {result}_under)
"""


def constant(name: str, value: float, like: str) -> str:
    """A scalar constant in the dtype of ``like``, rounded once from float64."""
    wide = f"{name}_double = Constant <value = double {{{value!r}}}> ()"
    return f"{wide}\n  {name} = CastLike ({name}_double, {like})"


def _identity(a: str, result: str) -> str:
    return f"\n  {result} = Identity ({a})\n"


def _relu(a: str, result: str) -> str:
    return f"""
  {constant("zero", 0.0, a)}
  below = Less ({a}, zero)
  {result} = Where (below, zero, {a})
"""


def _gelu(a: str, result: str) -> str:
    """a · ½ (1 + erf(a / √2))."""
    return f"""
  {constant("root_half", math.sqrt(0.5), a)}
  {constant("half", 0.5, a)}
  {constant("one", 1.0, a)}
  scaled = Mul ({a}, root_half)
  erf = Erf (scaled)
  raised = Add (erf, one)
  cdf = Mul (raised, half)
  {result} = Mul ({a}, cdf)
"""


def _silu(a: str, result: str) -> str:
    return f"{sigmoid(a, 'logistic')}  {result} = Mul ({a}, logistic)\n"


def _gelu_tanh(a: str, result: str) -> str:
    """½ (1 + tanh z) = sigmoid(2z), which has no cancellation."""
    return f"""
  {constant("twice_c", 2 * math.sqrt(2 / math.pi), a)}
  {constant("cubic_factor", 0.044715, a)}
  square = Mul ({a}, {a})
  cube = Mul (square, {a})
  cubic_term = Mul (cubic_factor, cube)
  polynomial = Add ({a}, cubic_term)
  twice_z = Mul (twice_c, polynomial)
{sigmoid("twice_z", "logistic")}  {result} = Mul ({a}, logistic)
"""


_STATEMENTS = {"identity": _identity, "relu": _relu, "gelu": _gelu, "gelu_tanh": _gelu_tanh, "silu": _silu}
