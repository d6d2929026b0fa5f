"""Headers of safetensors files: what the format's library refuses is refused here, with a few files more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError, safe_open

from peerspec.files.header import read_header

TWO = {
    "__metadata__": {"about": "text"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BF16", "shape": [5], "data_offsets": [24, 34]},
}


def written(header: object, size: int = 34, *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(size)


def library_accepts(path: Path) -> bool:
    try:
        with safe_open(path, framework="numpy"):
            return True
    except SafetensorError:
        return False


def with_a(**changes: Any) -> bytes:
    return written(TWO | {"a": TWO["a"] | changes})


GOOD = {
    "two tensors": written(TWO),
    "spaces behind": written(json.dumps(TWO).encode() + b"  "),
    "in another order": written({"b": TWO["b"], "a": TWO["a"]}),
    "no metadata": written({"a": TWO["a"], "b": TWO["b"]}),
    "empty metadata": written(TWO | {"__metadata__": {}}),
    "no tensors": written({}, 0),
    "an empty tensor": written({"e": {"dtype": "F32", "shape": [1 << 30, 0], "data_offsets": [0, 0]}}, 0),
    "a number": written({"e": {"dtype": "F64", "shape": [], "data_offsets": [0, 8]}}, 8),
}

BAD = {
    "empty": b"",
    "seven bytes": bytes(7),
    "length alone": bytes(8),
    "endless header": written(TWO, length=1 << 62),
    "header longer than the file": written(TWO, 0, length=300),
    "header of an array": written([1]),
    "UTF-16": written(json.dumps(TWO).encode("utf-16")),
    "not UTF-8": written(b'{"\xff": 1}'),
    "byte order mark": written(json.dumps(TWO).encode("utf-8-sig")),
    "half a surrogate pair": written({"\ud800": TWO["a"], "b": TWO["b"]}),
    "nested deeply": written(b'{"a":' + b"[" * 100_000),
    "numbers cut": written(TWO, 33),
    "a byte too many": written(TWO, 35),
    "metadata of numbers": written(TWO | {"__metadata__": {"about": 1}}),
    "metadata of an array": written(TWO | {"__metadata__": ["a"]}),
    "no entry": written(TWO | {"a": 5}),
    "no dtype": written(TWO | {"a": {"shape": [2, 3], "data_offsets": [0, 24]}}),
    "dtype of a number": with_a(dtype=4),
    "shape of a number": with_a(shape=6),
    "shape of texts": with_a(shape=["2", "3"]),
    "shape of fractions": with_a(shape=[2.0, 3.0]),
    "negative shape": with_a(shape=[-2, -3]),
    "another shape": with_a(shape=[2, 4]),
    "shape that overflows": with_a(shape=[1 << 63, 4]),
    "a million axes": with_a(shape=[1 << 62] * 1_000_000),
    "one offset": with_a(data_offsets=[24]),
    "three offsets": with_a(data_offsets=[0, 24, 24]),
    "offsets that overlap": with_a(data_offsets=[10, 34]),
    "a hole": written(TWO | {"b": TWO["b"] | {"data_offsets": [26, 36]}}, 36),
    "offsets in reverse": with_a(data_offsets=[24, 0]),
    "negative offset": with_a(data_offsets=[-24, 0]),
    "offset of many digits": with_a(data_offsets=[0, 10**90]),
}


STRICTER = {
    "space before": written(b" " + json.dumps(TWO).encode()),  # the format's definition says: begins with a brace
    "a tensor twice": written(json.dumps(TWO).encode()[:-1] + b', "b": ' + json.dumps(TWO["b"]).encode() + b"}"),
}


WORDS = "header|tensor|metadata|JSON|number|utf|surrogate|Expecting"
"""Each refusal says something of the file, in words of files."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_a_file_of_the_format_is_read(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert library_accepts(path)
    with path.open("rb") as file:
        header = read_header(file)
    with safe_open(path, framework="numpy") as same:
        assert header.names == sorted(same.keys())
        assert header.metadata == (same.metadata() or {})


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_any_other_file_is_refused_as_by_the_library_of_the_format(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert not library_accepts(path)
    with (
        path.open("rb") as file,
        pytest.raises(ValueError, match=r"header|tensor|metadata|JSON|name|number|utf|surrogate|Expecting|Extra"),
    ):
        read_header(file)


@pytest.mark.parametrize("data", STRICTER.values(), ids=STRICTER)
def test_what_the_library_lets_pass_against_the_definition_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert library_accepts(path)
    with path.open("rb") as file, pytest.raises(ValueError, match=r"begins with|given twice"):
        read_header(file)


def test_the_places_are_those_in_the_file(path: Path) -> None:
    data = GOOD["two tensors"]
    path.write_bytes(data)
    with path.open("rb") as file:
        tensors = read_header(file).tensors
    start = len(data) - 34
    assert {name: (entry.start, entry.stop) for name, entry in tensors.items()} == {
        "a": (start, start + 24),
        "b": (start + 24, start + 34),
    }


def test_a_dtype_of_a_later_version_of_the_format_is_no_reason_to_refuse_the_file(path: Path) -> None:
    path.write_bytes(with_a(dtype="F12_E5M6"))
    with path.open("rb") as file:
        assert read_header(file).tensors["a"].code == "F12_E5M6"
