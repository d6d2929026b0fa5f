"""float32 means float32, whatever the surrounding program has set (PRC-2)."""

import threading

import numpy as np
import pytest
import torch

from peerspec.backends.torch import PEER
from peerspec.backends.torch.precision import full_precision
from peerspec.reference import PeerConfig

SWITCHES = [torch.backends.cuda.matmul, torch.backends.mkldnn.matmul]
CONFIG = PeerConfig(128, 4, 1024, 8, 128)


@pytest.fixture(autouse=True)
def _settings_restored():
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.fp32_precision = "none"
    for switch in SWITCHES:
        switch.fp32_precision = "none"


def settings():
    return [switch.fp32_precision for switch in SWITCHES]


def step(module, x):
    """Output, scores and all gradients of one training step, as bits."""
    module.zero_grad()
    x = x.clone().requires_grad_()
    out = module.forward_with_routing(x)
    out.y.sum().backward()
    tensors = [out.y, out.scores, out.gates, x.grad, *(p.grad for p in module.parameters())]
    return [tensor.detach().numpy().copy() for tensor in tensors]


def batch():
    torch.manual_seed(0)
    return PEER(CONFIG), torch.randn(64, 128)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_lowered_matmul_precision_changes_no_bit_of_output_or_gradients(precision):
    module, x = batch()
    want = step(module, x)
    torch.set_float32_matmul_precision(precision)
    for ours, theirs in zip(step(module, x), want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert torch.get_float32_matmul_precision() == precision


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_lowered_onednn_precision_changes_no_bit_of_output_or_gradients(precision):
    module, x = batch()
    want = step(module, x)
    torch.backends.mkldnn.matmul.fp32_precision = precision
    for ours, theirs in zip(step(module, x), want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert torch.backends.mkldnn.matmul.fp32_precision == precision


def test_autocast_changes_no_bit_of_output_or_gradients():
    module, x = batch()
    want = step(module, x)
    with torch.autocast("cpu", torch.bfloat16):
        got = step(module, x)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_under_autocast_a_narrower_token_is_widened_and_a_wider_one_is_refused():
    module, x = batch()
    narrow = x.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        got = module(narrow)
        with pytest.raises(ValueError, match="PAR-5"):
            module(x.double())
    assert got.dtype == torch.float32
    assert torch.equal(got, module(narrow.float()))
    with pytest.raises(ValueError, match="PAR-5"):
        module(narrow)


def test_the_switches_are_full_inside_and_as_before_outside_errors_included():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    seen = []

    def fail():
        with full_precision("cpu"), full_precision("cpu"):
            seen.extend(settings())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == ["ieee", "ieee"]
    assert settings() == ["tf32", "bf16"]


def test_a_switch_that_inherits_goes_on_inheriting():
    torch.backends.fp32_precision = "tf32"
    with full_precision("cpu"):
        assert settings() == ["ieee", "ieee"]
    assert settings() == ["tf32", "tf32"]
    torch.backends.fp32_precision = "ieee"
    assert settings() == ["ieee", "ieee"]


def test_a_thread_that_leaves_first_does_not_lower_the_precision_of_another():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    entered, leave = threading.Event(), threading.Event()

    def other():
        with full_precision("cpu"):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with full_precision("cpu"):
        thread.start()
        entered.wait(10)
    assert settings()[0] == "ieee"
    leave.set()
    thread.join()
    assert settings()[0] == "tf32"
