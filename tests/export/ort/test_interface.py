"""The kernels' own declarations of ONNX Runtime's C interface have the layout and the codes of a real header."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compiler import errors_of
from support.ort_headers import ort_headers

from peerspec.export.ort import sources

API = {
    "create_status": "CreateStatus",
    "create_domain": "CreateCustomOpDomain",
    "add_to_domain": "CustomOpDomain_Add",
    "add_domain": "AddCustomOpDomain",
    "tensor_data": "GetTensorMutableData",
    "element_type": "GetTensorElementType",
    "rank": "GetDimensionsCount",
    "axes": "GetDimensions",
    "tensor_info": "GetTensorTypeAndShape",
    "integer_attribute": "KernelInfoGetAttribute_int64",
    "string_attribute": "KernelInfoGetAttribute_string",
    "num_inputs": "KernelContext_GetInputCount",
    "input": "KernelContext_GetInput",
    "output": "KernelContext_GetOutput",
    "release_tensor_info": "ReleaseTensorTypeAndShapeInfo",
    "parallel_for": "KernelContext_ParallelFor",
}
CUSTOM_OP = {
    "version": "version",
    "create_without_status": "CreateKernel",
    "name_of": "GetName",
    "provider": "GetExecutionProviderType",
    "input_type": "GetInputType",
    "num_inputs": "GetInputTypeCount",
    "output_type": "GetOutputType",
    "num_outputs": "GetOutputTypeCount",
    "compute_without_status": "KernelCompute",
    "destroy": "KernelDestroy",
    "input_characteristic": "GetInputCharacteristic",
    "output_characteristic": "GetOutputCharacteristic",
    "input_memory": "GetInputMemoryType",
    "least_variadic_inputs": "GetVariadicInputMinArity",
    "alike_variadic_inputs": "GetVariadicInputHomogeneity",
    "least_variadic_outputs": "GetVariadicOutputMinArity",
    "alike_variadic_outputs": "GetVariadicOutputHomogeneity",
    "create": "CreateKernelV2",
    "compute": "KernelComputeV2",
    "infer_shapes": "InferOutputShapeFn",
    "first_version": "GetStartVersion",
    "last_version": "GetEndVersion",
}
STRUCTURES = {
    "Api": ("OrtApi", API),
    "CustomOp": ("OrtCustomOp", CUSTOM_OP),
    "ApiBase": ("OrtApiBase", {"get": "GetApi", "version": "GetVersionString"}),
}
CODES = {
    "Code::fail": "ORT_FAIL",
    "Code::invalid_argument": "ORT_INVALID_ARGUMENT",
    "Element::undefined": "ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED",
    "Element::f32": "ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT",
    "Element::i8": "ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8",
    "Element::i64": "ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64",
    "Element::f16": "ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16",
    "Element::f64": "ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE",
    "Element::bf16": "ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16",
    "Characteristic::required": "INPUT_OUTPUT_REQUIRED",
    "Characteristic::optional": "INPUT_OUTPUT_OPTIONAL",
    "Memory::usual": "OrtMemTypeDefault",
}


def assertions() -> str:
    lines = [f'#include "{sources.GLUE / "interface.h"}"', "#include <onnxruntime_c_api.h>"]
    lines.append("namespace own = peerspec::ort;")
    for name, (theirs, fields) in STRUCTURES.items():
        for field, other in fields.items():
            lines.append(f"static_assert(offsetof(own::{name}, {field}) == offsetof({theirs}, {other}));")
            lines.append(f"static_assert(sizeof(own::{name}::{field}) == sizeof({theirs}::{other}));")
    for code, other in CODES.items():
        lines.append(f"static_assert(int(own::{code}) == int({other}) && sizeof(own::{code}) == sizeof({other}));")
    lines.append("static_assert(own::interface_version <= ORT_API_VERSION);")
    return "\n".join(lines)


def test_every_function_and_code_is_where_onnx_runtime_has_it() -> None:
    assert not errors_of(assertions(), ort_headers())


@pytest.mark.parametrize(("table", "own", "other"), [(API, "rank", "GetDimensions"), (CODES, "Code::fail", "ORT_OK")])
def test_another_place_or_code_is_an_error(
    table: dict[str, str], own: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table, own, other)
    assert "static assertion failed" in errors_of(assertions(), ort_headers())


def test_no_source_of_the_kernels_needs_a_header_of_another_project() -> None:
    texts = [path.read_text("utf-8") for path in Path(sources.GLUE).iterdir()]
    assert len(texts) > 10
    assert not [text for text in texts if "onnxruntime" in text or "Copyright" in text]
