"""Tensors in safetensors bytes, written here by the definition of the format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.tensors import parse_tensors


def written(code: str, shape: tuple[int, ...], data: bytes) -> bytes:
    """A file of one tensor ``t``: the length of the header, the header in JSON, the numbers."""
    header = json.dumps({"t": {"dtype": code, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    return len(header).to_bytes(8, "little") + header + data


def twice(name: str, tensor: str) -> bytes:
    """A file of one tensor ``t`` whose header gives the tensor, or a text ``about``, twice."""
    entries = {"t": f"{{{tensor}, {tensor}}}", "about": f'{{"__metadata__": {{"about": "a", "about": "b"}}, {tensor}}}'}
    header = entries[name].encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def array_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Numbers 0, 1, 0, 1, … for booleans, else 0, 1, 2, …"""
    return (np.arange(np.prod(shape)) % (2 if dtype == np.bool_ else 100)).astype(dtype).reshape(shape)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("code", DTYPE_OF_CODE)
def test_every_dtype_comes_back_as_it_was_written(code, shape):
    expected = array_of(DTYPE_OF_CODE[code], shape)
    [(name, got)] = parse_tensors(written(code, shape, expected.tobytes())).items()
    assert (name, got.dtype, got.shape) == ("t", expected.dtype, shape)
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("code", DTYPE_OF_CODE)
def test_the_library_of_the_format_writes_the_same_codes(code):
    expected = array_of(DTYPE_OF_CODE[code], (4,))
    got = parse_tensors(save({"t": expected}))["t"]
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("bits", [0x7FC00001, 0xFF800000, 0x80000000, 1])
def test_bits_of_every_float_are_kept(bits):
    data = bits.to_bytes(4, "little")
    assert parse_tensors(written("F32", (1,), data))["t"].tobytes() == data


def test_a_boolean_is_any_byte_that_is_not_zero():
    assert parse_tensors(written("BOOL", (3,), b"\0\1\2"))["t"].tolist() == [False, True, True]


def test_several_tensors_have_their_own_names():
    arrays = {"a": np.arange(3.0), "b.c": np.arange(2, dtype=np.int64)}
    got = parse_tensors(save(arrays, {"about": "text"}))
    assert got.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(got[name], array)


@pytest.mark.parametrize("code", ["C64", "F8_E4M3"])
def test_a_dtype_that_numpy_arrays_here_have_not_is_named(code):
    size = {"C64": 8, "F8_E4M3": 1}[code]
    with pytest.raises(KeyError) as raised:
        parse_tensors(written(code, (1,), bytes(size)))
    assert raised.value.args == (code,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not safetensors",
        (2**60).to_bytes(8, "little") + b"{}",
        written("F32", (2,), bytes(4)),
        written("F32", (2,), bytes(8))[:-1],
        written("X7", (1,), bytes(4)),
        twice("t", '"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'),
        twice("about", '"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'),
    ],
    ids=[
        "empty",
        "text",
        "endless header",
        "too few numbers",
        "truncated",
        "no such dtype",
        "a tensor twice",
        "a text twice",
    ],
)
def test_bytes_of_another_form_are_refused(data):
    with pytest.raises((SafetensorError, ValueError)):
        parse_tensors(data)
