"""float32 means float32, whatever the surrounding program has set (PRC-2)."""

import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from peerspec.backends.torch import PEER
from peerspec.backends.torch.kernels import library_operations
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


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("core", [False, True])
def test_narrow_tokens_beside_float32_parameters_give_the_wide_result_rounded_once(dtype, autocast, core):
    """PRC-6: y and the gradient of x have the dtype of x, the gradients of parameters float32."""
    module, x = batch()
    narrow = x.to(dtype)
    wide = [*map(torch.from_numpy, step(module, narrow.float()))]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), nullcontext() if core else library_operations():
        found = mixed_step(module, narrow)
    for number, (ours, theirs) in enumerate(zip(found, wide, strict=True)):
        assert ours.dtype == (dtype if number in (0, 3) else torch.float32)
        if core:
            assert torch.equal(ours, theirs.to(ours.dtype))


def mixed_step(module, x):
    """As ``step``; the derivative of the sum of y by y, which is 1, is exact in every dtype."""
    module.zero_grad()
    x = x.clone().requires_grad_()
    out = module.forward_with_routing(x)
    out.y.backward(torch.ones_like(out.y))
    return [out.y.detach(), out.scores, out.gates, x.grad, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("autocast", [False, True])
def test_other_pairs_of_dtypes_are_refused_under_autocast_too(autocast):
    module, x = batch()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        with pytest.raises(ValueError, match=r"x must be torch.float32 or .*, got torch.float64; convert it \(PAR-5\)"):
            module(x.double())
        with pytest.raises(ValueError, match=r"x must be torch.bfloat16 for parameters of torch.bfloat16, got"):
            module.bfloat16()(x)


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
