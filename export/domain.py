"""The ONNX dialect of every exported file, and the names its dtypes have.

Functions are model-local and their bodies hold standard operators only, so any runtime that knows ``OPSET``
runs them; a runtime with kernels for the same names in the domain may run those instead. Bodies and graphs
are written in ONNX's own text form. Functions have attributes without defaults: a default breaks ONNX's
reference evaluator.
"""

from __future__ import annotations

import numpy as np

from peerspec.export.onnx_package import FunctionProto, TensorProto, parser
from peerspec.reference import DTYPES, compute_dtype

__all__ = [
    "DOMAIN",
    "DOMAIN_VERSION",
    "IR_VERSION",
    "OPSET",
    "TENSOR_TYPES",
    "compute_dtype",
    "function",
    "identifier",
    "text_type",
]

DOMAIN = "peer"
DOMAIN_VERSION = 1
OPSET = 18
IR_VERSION = 8

TENSOR_TYPES: dict[np.dtype, int] = {
    DTYPES["float64"]: TensorProto.DOUBLE,
    DTYPES["float32"]: TensorProto.FLOAT,
    DTYPES["bfloat16"]: TensorProto.BFLOAT16,
    DTYPES["float16"]: TensorProto.FLOAT16,
}
"""The ONNX element type of each precision of SPEC.md, chapter 7."""


def text_type(dtype: np.dtype) -> str:
    """The name of ``dtype`` in ONNX's text form."""
    return str(TensorProto.DataType.Name(TENSOR_TYPES[dtype])).lower()


def identifier(parameter: str) -> str:
    """A parameter's name as ONNX's text form takes it; before 1.18 it has no way to write a dot."""
    return parameter.replace(".", "__")


def function(signature: str, body: str, *, calls: bool = False) -> FunctionProto:
    """A model-local function from its signature and statements in ONNX's text form; ``calls`` others of the domain."""
    own = f', "{DOMAIN}" : {DOMAIN_VERSION}' if calls else ""
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}{own}]>'
    return parser.parse_function(f"{header}\n{signature}\n{{{body}}}")
