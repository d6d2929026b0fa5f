"""The core's own declarations of XLA's C interface have the layout and the codes of jaxlib's header."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.compiler import errors_of

ROOT = Path(__file__).parents[2]
OWN = ROOT / "native" / "src" / "xla"

STRUCTURES = {
    "Extension": ("XLA_FFI_Extension_Base", "size=struct_size kind=type next=next"),
    "Version": (
        "XLA_FFI_Api_Version",
        "head.size=struct_size head.extensions=extension_start major=major_version minor=minor_version",
    ),
    "Metadata": ("XLA_FFI_Metadata", "size=struct_size version=api_version traits=traits"),
    "MetadataExtension": ("XLA_FFI_Metadata_Extension", "extension=extension_base metadata=metadata"),
    "Buffer": ("XLA_FFI_Buffer", "head.size=struct_size element=dtype data=data rank=rank axes=dims"),
    "Text": ("XLA_FFI_ByteSpan", "data=ptr size=len"),
    "Scalar": ("XLA_FFI_Scalar", "element=dtype value=value"),
    "Numbers": ("XLA_FFI_Array", "element=dtype size=size data=data"),
    "Buffers": ("XLA_FFI_Args", "head.size=struct_size size=size kinds=types values=args"),
    "Attributes": ("XLA_FFI_Attrs", "head.size=struct_size size=size kinds=types names=names values=attrs"),
    "CallFrame": (
        "XLA_FFI_CallFrame",
        "head.size=struct_size head.extensions=extension_start api=api context=ctx stage=stage arguments=args "
        "results=rets attributes=attrs",
    ),
    "ErrorCreate": ("XLA_FFI_Error_Create_Args", "head.size=struct_size message=message code=errc"),
    "ErrorDestroy": ("XLA_FFI_Error_Destroy_Args", "head.size=struct_size error=error"),
    "StreamGet": ("XLA_FFI_Stream_Get_Args", "head.size=struct_size context=ctx stream=stream"),
    "Schedule": ("XLA_FFI_ThreadPool_Schedule_Args", "head.size=struct_size context=ctx task=task data=data"),
    "NumThreads": ("XLA_FFI_ThreadPool_NumThreads_Args", "head.size=struct_size context=ctx threads=num_threads"),
    "Api": (
        "XLA_FFI_Api",
        "head.size=struct_size version=api_version internal=internal_api error_create=XLA_FFI_Error_Create "
        "error_destroy=XLA_FFI_Error_Destroy stream_get=XLA_FFI_Stream_Get schedule=XLA_FFI_ThreadPool_Schedule "
        "num_threads=XLA_FFI_ThreadPool_NumThreads",
    ),
}
"""Of each structure: XLA's name, and the pairs of fields that are one."""

CODES = {
    "Code": ("XLA_FFI_Error_Code_", "invalid_argument resource_exhausted out_of_range internal"),
    "Element": ("XLA_FFI_DataType_", "s32 s64 f16 f32 f64 bf16"),
    "Attribute": ("XLA_FFI_AttrType_", "array scalar text=STRING"),
    "Kind": ("XLA_FFI_Extension_", "metadata=Metadata"),
}


def assertions() -> str:
    lines = [f'#include "{OWN / "interface.h"}"', '#include "xla/ffi/api/c_api.h"', "namespace own = peerspec::xla;"]
    for name, (theirs, fields) in STRUCTURES.items():
        for field, other in (pair.split("=") for pair in fields.split()):
            lines.append(f"static_assert(offsetof(own::{name}, {field}) == offsetof({theirs}, {other}));")
            lines.append(f"static_assert(sizeof(own::{name}::{field.split('.')[0]}) >= sizeof({theirs}::{other}));")
    for name, (prefix, codes) in CODES.items():
        for code, other in (code.split("=") if "=" in code else (code, code.upper()) for code in codes.split()):
            lines.append(f"static_assert(int(own::{name}::{code}) == {prefix}{other});")
            lines.append(f"static_assert(sizeof(own::{name}) == sizeof({prefix}{other}));")
    lines.append("static_assert(own::major_version == XLA_FFI_API_MAJOR && own::minor_version <= XLA_FFI_API_MINOR);")
    # a call says how long its structure is: no longer than that of this version, without padding
    for name in ("ErrorDestroy", "StreamGet", "Schedule", "NumThreads"):
        lines.append(f"static_assert(sizeof(own::{name}) == {STRUCTURES[name][0]}_STRUCT_SIZE);")
    return "\n".join(lines)


def jaxlib_headers() -> Path:
    jaxlib = pytest.importorskip("jaxlib", reason="jaxlib brings the header of XLA, and is not installed")
    return Path(jaxlib.__file__).parent / "include"


def test_every_field_and_code_is_where_xla_has_it() -> None:
    assert not errors_of(assertions(), jaxlib_headers())


@pytest.mark.parametrize(
    ("right", "wrong"), [("data=data rank=rank", "data=rank rank=data"), ("out_of_range", "out_of_range=INTERNAL")]
)
def test_another_place_or_code_is_an_error(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (STRUCTURES, CODES):
        for name, (theirs, fields) in table.items():
            monkeypatch.setitem(table, name, (theirs, fields.replace(right, wrong)))
    assert "static assertion failed" in errors_of(assertions(), jaxlib_headers())


def test_no_file_of_another_project_is_in_the_core() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "native").rglob("*") if path.suffix in (".h", ".cpp")}
    assert len(texts) > 20
    assert not [path for path, text in texts.items() if "Copyright" in text or "XLA_FFI" in text]
