"""Small programs get fast compilation, others the ordinary one; both conform."""

import jax
import numpy as np
import pytest

from peerspec.backends.jax import backend, fast_compile
from peerspec.conformance import check_backend
from peerspec.conformance.cases import COMPARISON_CASES, GRADIENT_CASES, LAYER_CASES
from peerspec.reference import PRECISIONS


@pytest.mark.parametrize("size", [fast_compile.MAX_SIZE, fast_compile.MAX_SIZE_OF_GRADIENTS])
def test_a_program_on_a_large_array_is_compiled_in_the_ordinary_way(size, monkeypatch):
    def refuse():
        raise AssertionError("compiled fast")

    monkeypatch.setattr(fast_compile, "fast_options", refuse)
    double = fast_compile.compiled(lambda a: a * 2, static=(), tokens=0, max_size=size)
    assert double(np.ones(size + 1, np.float32)).shape == (size + 1,)
    with pytest.raises(AssertionError, match="compiled fast"):
        double(np.ones(size, np.float32))


def test_options_that_xla_does_not_accept_are_left_out(monkeypatch):
    monkeypatch.setattr(fast_compile, "_FAST", {"xla_no_such_option": True})
    fast_compile.fast_options.cache_clear()
    try:
        assert fast_compile.fast_options() is None
    finally:
        fast_compile.fast_options.cache_clear()


def test_this_xla_accepts_the_options():
    assert fast_compile.fast_options.__wrapped__() == fast_compile._FAST


def test_every_precision_has_a_program_compiled_in_the_ordinary_way_at_the_smallest_size():
    everywhere = [case for case in LAYER_CASES if case.everywhere == 0 and case.size == 0 and not case.profiles]
    assert any(case.make(PRECISIONS["float32"], 0).x.size > fast_compile.MAX_SIZE for case in everywhere)


@pytest.mark.parametrize("cases", [GRADIENT_CASES, COMPARISON_CASES], ids=["layer", "comparison layers"])
def test_gradients_have_a_program_compiled_in_the_ordinary_way_at_the_default_size(cases):
    drawn = [case.make(PRECISIONS["float32"], 0).x for case in cases if case.size <= 1]
    assert any(x.size > fast_compile.MAX_SIZE_OF_GRADIENTS for x in drawn)


def test_the_suite_passes_when_all_is_compiled_in_the_ordinary_way(monkeypatch):
    monkeypatch.setattr(fast_compile, "fast_options", lambda: None)
    jax.clear_caches()
    assert check_backend(backend, size="minimal", only=["scores.", "gates.", "output."]).exit_status == 0
