"""The constants of PRC-4 for functions, compared with libraries.

Libraries must stay at or below the part of each constant that SPEC.md states, and some must exceed a quarter of it: the
constants are large enough, and not too large.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from scipy import special

from peerspec.conformance.bounds.activation import EVALUATION, derivative_evaluation
from peerspec.conformance.bounds.model import DIVIDE, EXP, FUNCTION, LOG
from peerspec.reference.activations import activate, activate_derivative

jax = pytest.importorskip("jax", reason="JAX is one of the libraries measured")

WIDE = np.longdouble
TRUE: dict[str, Callable] = {
    "exp": lambda x: np.exp(x.astype(WIDE)),
    "log": lambda x: np.log(x.astype(WIDE)),
    "divide": lambda x: 1 / x.astype(WIDE),
    "root": lambda x: np.sqrt(x.astype(WIDE)),
    "reciprocal root": lambda x: 1 / np.sqrt(x.astype(WIDE)),
    "tanh": lambda x: np.tanh(x.astype(WIDE)),
    "erf": lambda x: special.erf(x.astype(np.float64)),
    "logistic": lambda x: special.expit(x.astype(np.float64)),
}
LIMIT = {"exp": EXP, "log": LOG, "divide": DIVIDE, "root": DIVIDE, "reciprocal root": DIVIDE}
RANGE = {"exp": (-80, 0), "log": (1, 64), "divide": (0.01, 64), "root": (1e-5, 64), "reciprocal root": (1e-5, 64)}
PART = {"reciprocal root": 2 / 3}
"""The part of a constant that libraries may reach, where it is not one half."""
NUMPY = {
    "exp": np.exp,
    "log": np.log,
    "divide": lambda x: 1 / x,
    "root": np.sqrt,
    "reciprocal root": lambda x: 1 / np.sqrt(x),
    "tanh": np.tanh,
}
ONNX = {
    "exp": "Exp",
    "log": "Log",
    "divide": "Reciprocal",
    "root": "Sqrt",
    "erf": "Erf",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
}
TORCH = {
    "exp": torch.exp,
    "log": torch.log,
    "divide": torch.reciprocal,
    "root": torch.sqrt,
    "reciprocal root": torch.rsqrt,
    "erf": torch.erf,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "silu": torch.nn.functional.silu,
}
JAX = {
    "exp": jax.numpy.exp,
    "log": jax.numpy.log,
    "divide": lambda x: 1 / x,
    "root": jax.numpy.sqrt,
    "reciprocal root": jax.lax.rsqrt,
    "erf": jax.scipy.special.erf,
    "tanh": jax.numpy.tanh,
    "logistic": jax.nn.sigmoid,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "silu": jax.nn.silu,
}
ACTIVATIONS = ("gelu", "gelu_tanh", "silu")


def _numpy(function: str, x: np.ndarray) -> np.ndarray:
    return NUMPY[function](x)


def _torch(function: str, x: np.ndarray) -> np.ndarray:
    return TORCH[function](torch.from_numpy(x)).numpy()


def _jax(function: str, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(JAX[function])(x))


def _onnxruntime(function: str, x: np.ndarray) -> np.ndarray:
    kind = TensorProto.FLOAT if x.dtype == np.float32 else TensorProto.DOUBLE
    sides = [helper.make_tensor_value_info(name, kind, [None]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(ONNX[function], ["x"], ["y"])], "g", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


def _torch_derivative(function: str, x: np.ndarray) -> np.ndarray:
    a = torch.from_numpy(x).requires_grad_(True)
    return torch.autograd.grad(TORCH[function](a).sum(), a)[0].numpy()


def _jax_derivative(function: str, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.grad(lambda a: JAX[function](a).sum()))(x))


def _units(dtype: Any) -> float:
    return 2.0 ** (np.finfo(dtype).nmant + 1)


def _worst(library: Callable, function: str, dtype: str) -> float:
    """The largest error in u: relative to 1 for functions that FUNCTION bounds, relative to the value for others."""
    x = np.random.default_rng(0).uniform(*RANGE.get(function, (-8, 8)), 1 << 16).astype(dtype)
    truth = TRUE[function](x)
    error = np.abs(library(function, x) - truth)
    return float((error / np.abs(truth) if function in LIMIT else error).max() * _units(dtype))


TABLES = ((_numpy, NUMPY), (_torch, TORCH), (_jax, JAX), (_onnxruntime, ONNX))
CASES = [
    (library, function, dtype)
    for library, table in TABLES
    for function in table
    for dtype in ("float32", "float64")
    if function not in ACTIVATIONS
    and (library, function, dtype) != (_onnxruntime, "erf", "float64")  # ONNX Runtime has no such kernel on CPU
]


@pytest.mark.parametrize(("library", "function", "dtype"), CASES)
def test_a_library_reaches_at_most_the_stated_part_of_a_constant(library: Callable, function: str, dtype: str) -> None:
    assert _worst(library, function, dtype) <= LIMIT.get(function, FUNCTION) * PART.get(function, 0.5)


@pytest.mark.parametrize("library", [_jax, _numpy], ids=["jax", "numpy"])
def test_exp2_errs_no_more_than_exp_of_a_product(library: Callable) -> None:
    """JAX computes it as exp(x·ln 2), whose argument rounds at its own size."""
    x = np.random.default_rng(0).uniform(-100, 0, 1 << 16).astype(np.float32)
    got = np.exp2(x) if library is _numpy else np.asarray(jax.jit(jax.numpy.exp2)(x))
    truth = np.exp2(x.astype(WIDE))
    assert (np.abs(got - truth) / truth * _units(np.float32) <= EXP / 2 + np.abs(x) * np.log(2)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", ACTIVATIONS)
@pytest.mark.parametrize("library", [(_torch, _torch_derivative), (_jax, _jax_derivative)], ids=["torch", "jax"])
def test_an_activation_and_its_derivative_reach_at_most_half_of_their_budget(
    library: tuple[Callable, Callable], function: str, dtype: str
) -> None:
    a = np.random.default_rng(0).uniform(-8, 8, 1 << 14).astype(dtype)
    value, derivative, exact = library[0](function, a), library[1](function, a), a.astype(np.float64)
    error = np.abs(value - activate(function, exact)) / np.abs(exact) * _units(dtype)
    assert error.max() <= EVALUATION[function] / 2
    error = np.abs(derivative - activate_derivative(function, exact)) * _units(dtype)
    assert (error <= derivative_evaluation(function, np.abs(exact)) / 2).all()


@pytest.mark.parametrize(
    ("library", "function", "constant"),
    [(_jax, "erf", FUNCTION), (_numpy, "exp", EXP), (_numpy, "log", LOG), (_jax, "reciprocal root", DIVIDE)],
)
def test_a_library_exceeds_a_quarter_of_a_constant(library: Callable, function: str, constant: float) -> None:
    assert _worst(library, function, "float32") > constant / 4
