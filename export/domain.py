"""The domain, versions and dtypes of every exported file.

Functions are model-local, and their bodies hold standard operators only, so any runtime with ``OPSET`` runs them. A
runtime with kernels of the same names in the domain may run these instead. Bodies are written in ONNX's text form.
Attributes of functions have no defaults, because a default breaks ONNX's reference evaluator.
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
    """The name of a parameter in ONNX's text form, which cannot hold a dot before onnx 1.18."""
    return parameter.replace(".", "__")


def function(signature: str, body: str, *, calls: bool = False) -> FunctionProto:
    """A model-local function from a signature and statements in text form; ``calls``: it calls others of the domain."""
    own = f', "{DOMAIN}" : {DOMAIN_VERSION}' if calls else ""
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}{own}]>'
    return parser.parse_function(f"{header}\n{signature}\n{{{body}}}")
