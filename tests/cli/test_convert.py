"""``peerspec convert``: a layer from the checkpoint of another project, and as one."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from peerspec.interchange import LAYOUTS, read_tensors, to_layout
from peerspec.reference import Layer, PeerConfig

CONFIG = PeerConfig(8, 3, 25, 4, 6, key_heads=3)
FACTS = [f"--fact={name}={value}" for name, value in LAYOUTS["peer-pytorch"].facts_of(CONFIG).items()]


@pytest.fixture
def layer() -> Layer:
    return Layer.random(CONFIG, dtype="bfloat16")


@pytest.fixture
def checkpoint(tmp_path: Path, layer: Layer) -> Path:
    path = tmp_path / "model.safetensors"
    tensors = {f"blocks.3.peer.{name}": array for name, array in to_layout("peer-pytorch", layer).items()}
    save_file({**tensors, "blocks.3.peer.norm.gamma": np.ones(8, np.float32), "head": np.ones(2)}, path)
    return path


def read(checkpoint, out, *more):
    prefix, norm = "--prefix=blocks.3.peer", "--leave-out=norm.gamma"
    return ["convert", checkpoint, out, "--from=peer-pytorch", prefix, norm, *FACTS, *more]


def test_a_checkpoint_becomes_a_layer_file_with_the_same_bits(peerspec, tmp_path, checkpoint, layer):
    result = peerspec(*read(checkpoint, tmp_path / "layer.safetensors"))
    assert (result.status, result.err) == (0, "")
    assert result.out == f"wrote {tmp_path / 'layer.safetensors'}: bfloat16, {CONFIG}\n"
    found = Layer.load(tmp_path / "layer.safetensors")
    assert found.config == CONFIG
    assert all(found.params[name].tobytes() == array.tobytes() for name, array in layer.params.items())


def test_a_layer_file_becomes_a_checkpoint_and_the_command_that_is_shown_reads_it_again(peerspec, tmp_path, layer):
    layer.save(tmp_path / "layer.safetensors")
    out = tmp_path / "state.safetensors"
    result = peerspec("convert", tmp_path / "layer.safetensors", out, "--to=peer-pytorch")
    assert result.status == 0
    assert read_tensors(out).keys() == to_layout("peer-pytorch", layer).keys()
    command = shlex.split(result.out.partition("read it again: ")[2])
    assert command[0] == "peerspec"
    again = tmp_path / "again.safetensors"
    assert peerspec(*(again if word == "LAYER" else word for word in command[1:])).status == 0
    found = Layer.load(again)
    assert found.config == CONFIG
    assert all(found.params[name].tobytes() == array.tobytes() for name, array in layer.params.items())


def test_common_keys_are_repeated_only_if_that_is_wanted(peerspec, tmp_path):
    path, out = tmp_path / "layer.safetensors", tmp_path / "state.safetensors"
    Layer.random(PeerConfig(8, 3, 25, 4, 6)).save(path)
    result = peerspec("convert", path, out, "--to=peer-pytorch")
    assert (result.status, out.exists()) == (2, False)
    assert "SCO-3" in result.err
    assert peerspec("convert", path, out, "--to=peer-pytorch", "--repeat-keys").status == 0
    assert read_tensors(out)["keys"].shape == (3, 5, 2, 3)


def test_an_existing_file_is_kept_unless_overwrite_is_given(peerspec, tmp_path, checkpoint):
    out = tmp_path / "layer.safetensors"
    out.write_text("mine")
    result = peerspec(*read(checkpoint, out))
    assert result.status == 2
    assert "exists; name another file or pass --overwrite" in result.err
    assert out.read_text() == "mine"
    assert peerspec(*read(checkpoint, out, "--overwrite")).status == 0
    assert Layer.load(out).config == CONFIG


def test_a_file_is_never_written_over_itself(peerspec, checkpoint):
    before = checkpoint.read_bytes()
    assert peerspec(*read(checkpoint, checkpoint, "--overwrite")).status == 2
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--prefix=blocks.3.peer", *FACTS, "--from=peer-pytorch"], "normalise x before the layer"),
        (["--leave-out=norm.gamma", "--prefix=blocks.3.peer", *FACTS[1:], "--from=peer-pytorch"], "top_k"),
        (["--from=peer"], "name one of peer-pytorch, mttl, doge"),
        (["--from=xlm", "--prefix=blocks.3.peer"], "retrieval_from_layout"),
        (
            ["--from=peer-pytorch", "--prefix=blocks.4", *FACTS],
            "no tensor with the prefix 'blocks.4'; there are 'blocks.3",
        ),
        (["--from=doge", "--fact=prefix=x"], "this is no fact of transformers"),
        (["--from=doge", "--fact=top_k"], "must be NAME=VALUE"),
        (["--from=doge", "--fact=top_k=1", "--fact=top_k=2"], "with each name once"),
        (["--from=doge", "--prefix=a", "--prefix=b"], "--prefix is given twice"),
        (["--from=doge", "--to=mttl"], "name the layout of FILE with --from, or that of OUT with --to"),
        ([], "name the layout of FILE with --from, or that of OUT with --to"),
        (["--to=doge", "--fact=top_k=2"], "they need --from"),
        (["--from=doge", "--repeat-keys"], "it needs --to"),
        (["--to=doge"], "without a peerspec configuration"),
    ],
)
def test_what_cannot_be_converted_is_one_sentence_and_leaves_no_file(peerspec, tmp_path, checkpoint, arguments, says):
    out = tmp_path / "out.safetensors"
    result = peerspec("convert", checkpoint, out, *arguments)
    assert (result.status, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.safetensors"]


def test_a_pickle_is_refused(peerspec, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"\x80\x04K\x01.")
    result = peerspec("convert", tmp_path / "model.pt", tmp_path / "out", "--from=peer-pytorch", *FACTS)
    assert result.status == 2
    assert "safetensors.torch.save_file" in result.err
