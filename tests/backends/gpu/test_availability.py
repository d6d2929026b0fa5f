"""Which path runs on a GPU, and why: one sentence for each reason."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest
import torch

from peerspec.backends import BackendError, load
from peerspec.backends.gpu import package
from peerspec.backends.jax.gpu import chip
from peerspec.backends.torch.gpu import availability


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that plugs in a card of this capability beside this version of Triton."""
    availability.reason_against_triton.cache_clear()

    def plug(major: int, minor: int = 0, triton: str | None = "3.6.0") -> None:
        def version(name: str) -> str:
            if triton is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return triton

        monkeypatch.setattr(package, "version", version)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (major, minor))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A card")

    yield plug
    availability.reason_against_triton.cache_clear()


def test_a_new_card_with_triton_takes_the_kernels(card: Any) -> None:
    card(8)
    assert availability.runs_triton(torch.device("cuda:0"))
    assert availability.computed_by_device(0) == "Triton 3.6.0 on A card"


@pytest.mark.parametrize(
    ("major", "minor", "triton", "reason"),
    [
        (7, 5, "3.9.0", "A card has the capability 7.5, and the kernels need 8.0 or newer"),
        (9, 0, "3.5.1", "Triton 3.5.1 is too old; install triton 3.6 or newer"),
        (9, 0, None, "Triton is not installed; install triton 3.6 or newer"),
    ],
)
def test_else_library_operations_run_and_the_reason_is_one_sentence(
    card: Any, major: int, minor: int, triton: str | None, reason: str
) -> None:
    card(major, minor, triton)
    assert not availability.runs_triton(torch.device("cuda:0"))
    assert availability.computed_by_device(0) == f"library operations on A card: {reason}"


def test_a_chip_of_amd_takes_library_operations(card: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    card(9)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert availability.reason_against_triton(0) == "the kernels are compiled for NVIDIA chips alone"


@pytest.mark.parametrize(
    ("module", "name"), [("peerspec.backends.torch.cuda", "torch-cuda"), ("peerspec.backends.jax.cuda", "jax-cuda")]
)
def test_a_backend_for_cuda_says_what_is_missing(module: str, name: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendError, match=rf"^{name} needs an NVIDIA GPU and .* finds no device; use the backend "):
        load(module)


def test_jax_says_that_it_finds_no_device() -> None:
    if chip._device() is not None:
        pytest.skip("this machine has a GPU")
    assert chip.computed_by() == "library operations on CUDA: JAX finds no CUDA device"
    assert not chip.runs_triton()
