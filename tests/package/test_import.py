"""``import peerspec`` is light, gives every public name, and works from any folder."""

import json
from pathlib import Path

import pytest

import peerspec

ROOT = Path(__file__).parents[2]

IMPORTED = "import json, sys; before = {*sys.modules}; import peerspec; print(json.dumps([*{*sys.modules} - before]))"
TIMED = "import time; start = time.perf_counter(); import peerspec; print(time.perf_counter() - start)"
EVERY_NAME = "import peerspec; print([getattr(peerspec, name) for name in peerspec.__all__])"
EXAMPLE = """
import peerspec
config = peerspec.PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
layer = peerspec.Layer.random(config)
print(peerspec.forward(layer, layer.params["query.weight"][0]).y.shape)
print(peerspec.check_backend("reference", size="minimal", only=["gates"]).exit_status)
"""


@pytest.mark.parametrize("name", peerspec.__all__)
def test_every_public_name_is_listed_and_can_be_used(name):
    assert name in dir(peerspec)
    assert getattr(peerspec, name) is not None


def test_the_names_are_those_of_the_rooms():
    from peerspec import conformance, reference

    assert peerspec.check_backend is conformance.check_backend
    for name in ("SPEC_VERSION", "Layer", "PeerConfig", "PeerError", "forward"):
        assert getattr(peerspec, name) is getattr(reference, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'peerspec' has no attribute 'Peer'"):
        _ = peerspec.Peer
    assert not hasattr(peerspec, "Peer")


def test_the_import_loads_no_other_module(python):
    assert set(json.loads(python("-c", IMPORTED).stdout)) <= {"peerspec", "__future__"}


def test_the_import_takes_a_few_milliseconds(python):
    """The shortest of several runs: a busy machine makes a single one slow."""
    assert min(float(python("-c", TIMED).stdout) for _ in range(5)) < 0.02


@pytest.mark.parametrize("place", ["checkout", "empty folder"])
def test_every_name_works_in_a_fresh_process(python, tmp_path, place):
    done = python("-c", EVERY_NAME, folder=ROOT if place == "checkout" else tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_example_of_the_docstring_runs_in_an_empty_folder(python):
    assert python("-c", EXAMPLE).stdout.split("\n")[:2] == ["(4, 8)", "0"]


@pytest.mark.parametrize("place", ["checkout", "empty folder"])
def test_the_module_is_the_command(python, tmp_path, place):
    done = python("-m", "peerspec", "--version", folder=ROOT if place == "checkout" else tmp_path)
    assert done.stdout == f"peerspec {peerspec.__version__}, spec {peerspec.SPEC_VERSION}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_ends_with_the_status_of_the_command(python):
    done = python("-m", "peerspec", "check", "nope", "--quiet")
    assert done.returncode == 2
    assert "no backend is called 'nope'" in done.stderr
