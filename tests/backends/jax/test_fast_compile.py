"""Programs on few tokens are compiled in haste, others as any user's; both give what the definition allows."""

import jax
import numpy as np
import pytest

from peerspec.backends.jax import backend, fast_compile
from peerspec.conformance import check_backend
from peerspec.conformance.cases import LAYER_CASES


def test_a_program_on_many_numbers_is_compiled_in_the_ordinary_way(monkeypatch):
    def refuse():
        raise AssertionError("compiled in haste")

    monkeypatch.setattr(fast_compile, "_options", refuse)
    double = fast_compile.compiled(lambda a: a * 2, static=(), tokens=0)
    assert double(np.ones(fast_compile.FEW + 1, np.float32)).shape == (fast_compile.FEW + 1,)
    with pytest.raises(AssertionError, match="in haste"):
        double(np.ones(fast_compile.FEW, np.float32))


def test_options_that_this_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(fast_compile, "_HASTE", {"xla_no_such_option": True})
    fast_compile._options.cache_clear()
    try:
        assert fast_compile._options() is None
    finally:
        fast_compile._options.cache_clear()


def test_this_xla_knows_them():
    assert fast_compile._options.__wrapped__() == fast_compile._HASTE


def test_every_precision_meets_a_program_compiled_in_the_ordinary_way_at_the_smallest_size():
    everywhere = [spec for spec in LAYER_CASES if spec.everywhere == 0 and spec.size == 0 and not spec.profiles]
    assert any(spec.make(np.dtype(np.float32), 0).x.size > fast_compile.FEW for spec in everywhere)


def test_the_suite_passes_what_it_asks_when_all_is_compiled_in_the_ordinary_way(monkeypatch):
    monkeypatch.setattr(fast_compile, "FEW", -1)
    jax.clear_caches()
    assert check_backend(backend, size="minimal", only=["scores.", "gates.", "output."]).exit_status == 0
