"""If ``torch.set_flush_denormal`` makes a thread flush subnormals, all threads of the core flush for its calls."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from peerspec import native
from peerspec.reference import Flushing, Selection, select_staircase

pytestmark = pytest.mark.skipif(not native.available(), reason=native.unavailable_reason() or "the core is there")
if not torch.set_flush_denormal(False):
    pytest.skip("this processor does not flush subnormals", allow_module_level=True)

THREADS = 4


def on_a_flushing_thread(s1: Any, s2: Any, k: int) -> Selection:
    torch.set_flush_denormal(True)
    return native.select(s1, s2, k, threads=THREADS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_threads_of_the_core_flush_if_the_caller_does(dtype: Any) -> None:
    least = np.finfo(dtype).tiny
    s1, s2 = np.random.default_rng(0).integers(-16, 16, (2, 4000, 25)).astype(dtype) * dtype(1 / 32) * least
    kept, lost = (select_staircase(s1, s2, 8, flush=flush) for flush in (Flushing.NOTHING, Flushing.HALF_SCORES))
    for _ in range(3):
        with ThreadPoolExecutor(1) as caller:
            found = caller.submit(on_a_flushing_thread, s1, s2, 8).result()
        assert (found.indices == lost.indices).all()
        assert (native.select(s1, s2, 8, threads=THREADS).indices == kept.indices).all()
