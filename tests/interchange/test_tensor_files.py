"""Checkpoints as files: safetensors alone, mapped, and written whole or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from peerspec.interchange import read_tensors, write_tensors
from peerspec.reference import FileFormError

TENSORS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b.c": np.ones((), ml_dtypes.bfloat16),
    "d": np.zeros((0, 3), np.float16),
    "e": np.arange(3),
}


def test_tensors_come_back_with_their_bits_dtypes_and_shapes(tmp_path: Path) -> None:
    write_tensors(TENSORS, tmp_path / "t.safetensors")
    found = read_tensors(tmp_path / "t.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
        assert not found[name].flags.writeable


def test_an_array_in_another_order_is_written_by_its_indices(tmp_path: Path) -> None:
    write_tensors({"a": TENSORS["a"].T}, tmp_path / "t.safetensors")
    np.testing.assert_array_equal(read_tensors(tmp_path / "t.safetensors")["a"], TENSORS["a"].T)


def test_a_file_is_replaced_only_if_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(TENSORS, path)
    with pytest.raises(FileFormError, match="exists; choose another path or pass overwrite=True"):
        write_tensors({"a": np.ones(1)}, path)
    assert read_tensors(path).keys() == TENSORS.keys()
    write_tensors({"a": np.ones(1)}, path, overwrite=True)
    assert read_tensors(path).keys() == {"a"}
    assert [each.name for each in tmp_path.iterdir()] == ["t.safetensors"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileFormError, match="choose a folder that can be written"):
        write_tensors(TENSORS, tmp_path / "missing" / "t.safetensors")
    with pytest.raises(FileFormError, match="cannot write"):
        write_tensors({"a": np.ones(2, np.complex128)}, tmp_path / "t.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "a folder", "pickle", "cut", "empty", "a NUL in the name"])
def test_what_is_no_safetensors_file_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.safetensors"
    if kind == "a folder":
        path.mkdir()
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(TENSORS))
    elif kind == "cut":
        write_tensors(TENSORS, path)
        path.write_bytes(path.read_bytes()[:-1])
    elif kind == "empty":
        path.touch()
    with pytest.raises(FileFormError) as caught:
        read_tensors("a\0b" if kind == "a NUL in the name" else path)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)


def test_a_dtype_that_is_not_read_here_is_refused_by_name_unless_it_is_under_another_prefix(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors({"a.x": np.ones(4, np.uint8), "b.y": np.ones(2, np.uint8), "bc": np.ones(2)}, path)
    # the length of the header stays the same
    path.write_bytes(path.read_bytes().replace(b'"a.x":{"dtype":"U8"', b'"a.x":{"dtype":"F8"'))
    with pytest.raises(FileFormError, match=r"'a\.x' has dtype F8, which cannot be read; pass the prefix"):
        read_tensors(path)
    assert read_tensors(path, prefix="b").keys() == {"b.y"}


def test_a_file_without_tensors_has_none(tmp_path: Path) -> None:
    write_tensors({}, tmp_path / "t.safetensors")
    assert read_tensors(tmp_path / "t.safetensors") == {}
