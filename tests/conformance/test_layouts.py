"""Layouts of arrays: copies, private arguments and another process keep them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest

from peerspec.conformance import check_backend
from peerspec.conformance.cases.layouts import LAYOUTS, copied, laid_out, layout, like
from peerspec.conformance.hosts.arguments import private
from peerspec.conformance.hosts.worker_messages import arguments_of, request_of
from peerspec.conformance.hosts.worker_wire import read_message, write_message
from peerspec.reference import Layer, PeerConfig

CONFIG = PeerConfig(4, 1, 4, 2, 2)


def array(where: str, dtype: Any = np.float32) -> Any:
    shape = (2, 3, 4) if where == "permuted" else (6, 4)
    values = {"broadcast": np.tile(np.arange(4), (6, 1)), "constant": np.full((6, 4), 3)}
    return laid_out(values.get(where, np.arange(24)).reshape(shape).astype(dtype), where)


def of_parameters(where: str) -> str:
    """The layout of parameters beside an x that lies ``where``: theirs have many numbers, and few have three axes."""
    return "columns" if where in ("broadcast", "constant", "permuted") else where


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("where", LAYOUTS)
def test_an_array_has_the_layout_that_is_asked_for_and_its_copies_have_it_too(where: str, dtype: Any) -> None:
    made = array(where, dtype)
    for found in (made, copied(made), like(made, made * 2)):
        assert layout(found) == where
        assert found.dtype == dtype
    assert np.array_equal(copied(made), made)
    assert not np.may_share_memory(copied(made), made)


def test_an_unaligned_array_begins_one_entry_behind_a_multiple_of_16_bytes() -> None:
    assert array("unaligned").ctypes.data % 16 == 4


def test_rows_that_differ_cannot_be_one_row_of_memory() -> None:
    assert layout(laid_out(np.eye(3), "broadcast")) == "rows"
    assert layout(laid_out(np.eye(3), "constant")) == "rows"


@pytest.mark.parametrize("where", LAYOUTS)
def test_arguments_keep_their_layouts_in_private_copies_and_in_another_process(where: str) -> None:
    layer = Layer.random(CONFIG)
    params = {name: laid_out(part, of_parameters(where)) for name, part in layer.params.items()}
    given = {"layer": Layer(CONFIG, params), "x": array(where), "k": 3}
    stream = BytesIO()
    write_message(stream, *request_of("forward", given))
    stream.seek(0)
    for found in (private(given, {}), arguments_of(read_message(stream))[1]):
        assert layout(found["x"]) == where
        assert np.array_equal(found["x"], given["x"])
        assert [layout(part) for part in found["layer"].params.values()] == [layout(part) for part in params.values()]
        assert found["k"] == 3


def test_a_backend_in_another_process_sees_the_layouts_of_the_cases(tmp_path: Any) -> None:
    """A backend that asks for strides is answered alike through both doors."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from peerspec.backends import reference\n"
        "name, profiles = 'mine', ['float32', 'core']\n"
        "def forward(layer, x, **options):\n"
        "    assert min(x.strides, default=0) >= 0, 'falling'\n"
        "    return reference.forward(layer, x, **options)\n",
        "utf-8",
    )
    report = check_backend(str(path), only=["structure.forms"])
    assert "falling" in report.causes[0].message
