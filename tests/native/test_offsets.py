"""IDX-1: rows beyond 2³¹ numbers and 2³³ bytes are read correctly. The table is a sparse file of a few pages."""

from pathlib import Path

import numpy as np
import pytest

from peerspec import native

WIDTH = 1024
ROWS = 2**31 // WIDTH + 5


def test_rows_beyond_32_bit_offsets_are_read(tmp_path: Path, isa: str) -> None:
    path = tmp_path / "table"
    try:
        table = np.memmap(path, np.float32, "w+", shape=(ROWS, WIDTH))
    except OSError as error:
        pytest.skip(f"a sparse file of 8 GiB cannot be made here: {error}")
    ids = np.array([[ROWS - 1, 2**21 - 1, 3]])
    for value, row in enumerate(ids[0], start=1):
        table[row] = value
    gates = np.array([[1, 10, 100]], np.float32)
    rows = native.gather_sum(np.asarray(table), ids, gates, isa=isa)
    np.testing.assert_array_equal(rows, np.full((1, WIDTH), 1 + 20 + 300))
    experts = native.ExpertTables(np.asarray(table), np.asarray(table), activation="identity")
    y = native.expert_stage(experts, np.ones((1, WIDTH), np.float32), ids, gates, isa=isa)
    np.testing.assert_array_equal(y, np.full((1, WIDTH), WIDTH * (1 + 2 * 20 + 3 * 300)))
