"""The page on deploying: its programs continue a prompt as torch does, and runtimes refuse in the words it quotes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.ort_headers import ort_headers

from peerspec.backends.torch import PEER
from peerspec.export import export
from peerspec.reference import Layer, PeerConfig

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
TEXT = (ROOT / "docs" / "deploy.md").read_text("utf-8")
BUILD, INLINE = re.findall(r"<!-- run -->\n```python\n(.*?)```", TEXT, re.DOTALL)
PEER_CONFIG = PeerConfig(32, 2, 64, 4, 16)


@pytest.fixture(scope="module")
def python():
    return [sys.executable, DEPLOY / "continue_text.py"]


@pytest.fixture(scope="module")
def javascript(node):
    return [node, DEPLOY / "node" / "continue.mjs"]


@pytest.fixture(scope="module")
def cpp(tmp_path_factory):
    """The program in C++, built against what looks like a release of ONNX Runtime, warnings as errors."""
    if not (shutil.which("make") and shutil.which("g++")):
        pytest.skip("no C++ compiler; install make and g++")
    headers = ort_headers()
    release, build = (tmp_path_factory.mktemp(name) for name in ("release", "cpp"))
    (release / "lib").mkdir()
    (release / "include").symlink_to(headers)
    (library,) = Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.1*")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (release / "lib" / name).symlink_to(library)
    shutil.copytree(DEPLOY / "cpp", build, dirs_exist_ok=True, ignore=shutil.ignore_patterns("continue_text"))
    subprocess.run(["make", "-s", "-C", build, f"ORT={release}"], check=True)
    return [build / "continue_text"]


@pytest.fixture(params=["python", "javascript", "cpp"])
def program(request):
    return request.getfixturevalue(request.param)


def _continue(program, deployed, *options, path=None):
    arguments = [path or deployed.path, deployed.prompt.decode(), str(deployed.count), str(deployed.context)]
    return subprocess.run([*program, *arguments, *options], stdout=subprocess.PIPE, check=True, timeout=60).stdout


def test_the_tables_of_the_model_lie_beside_it(deployed):
    assert deployed.path.with_name("model.onnx.data").is_file()
    assert len(set(deployed.text)) > 3


def test_a_program_continues_as_torch_does(program, deployed):
    assert _continue(program, deployed) == deployed.text


def test_python_with_the_kernels_continues_as_torch_does(python, deployed, library):
    assert _continue(python, deployed, "--kernels") == deployed.text


def test_cpp_with_the_kernels_continues_as_torch_does(cpp, deployed, library):
    assert _continue(cpp, deployed, library) == deployed.text


def test_an_inlined_model_continues_as_torch_does(python, deployed, tmp_path, monkeypatch):
    for file in (deployed.path, deployed.path.with_name("model.onnx.data")):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(INLINE, {})
    assert _continue(python, deployed, path=tmp_path / "inlined.onnx") == deployed.text


def test_a_library_of_kernels_can_be_taken_along(library, tmp_path, monkeypatch):
    shutil.copy(library, tmp_path / "libpeerspec_ort.so")  # so that build finds it built
    monkeypatch.chdir(tmp_path)
    exec(BUILD, {})


@pytest.mark.parametrize(
    ("file", "arguments", "words"),
    [
        ("none.onnx", ["The", "9", "24"], "none.onnx"),
        ("layer.onnx", ["The", "9", "24"], "not a language model"),
        ("model.onnx", ["The", "99", "99"], "is the context too long"),
    ],
)
def test_a_program_refuses_bad_input_in_one_line(program, deployed, tmp_path, file, arguments, words):
    export(Layer.random(PEER_CONFIG), tmp_path / "layer.onnx")
    folder = deployed.path.parent if file == "model.onnx" else tmp_path
    ran = subprocess.run([*program, folder / file, *arguments], capture_output=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, b"")
    (line,) = ran.stderr.decode().splitlines()
    assert line.startswith(Path(program[-1]).name)
    assert words in line


def test_runtimes_refuse_in_the_words_of_the_page(example, deployed, tmp_path):
    export(PEER(PEER_CONFIG, dtype=torch.float64).to_layer(), tmp_path / "float64.onnx")
    export(PEER(PEER_CONFIG).to_layer(), tmp_path / "lost.onnx", external_threshold=0)
    (tmp_path / "lost.onnx.data").unlink()
    export(PEER(PEER_CONFIG).to_layer(), tmp_path / "layer.onnx")
    model = onnx.load(tmp_path / "layer.onnx")
    too_long = np.zeros((1, deployed.context + 1), np.int64)
    for words, refused in (
        ("Could not find an implementation for Erf", lambda: onnxruntime.InferenceSession(tmp_path / "float64.onnx")),
        ("External data path does not exist", lambda: onnxruntime.InferenceSession(tmp_path / "lost.onnx")),
        ("Attempting to broadcast an axis", lambda: example.in_onnxruntime(deployed.path)(too_long)),
        ("is not a registered function/op", lambda: _open_changed(model, lambda it: it.ClearField("functions"))),
        ("Unsupported model IR version", lambda: _open_changed(model, lambda it: setattr(it, "ir_version", 999))),
        ("is under development", lambda: _open_changed(model, lambda it: setattr(it.opset_import[0], "version", 999))),
    ):
        assert f"| `{words}` |" in TEXT
        with pytest.raises(Exception, match=words):  # each status of ONNX Runtime has a class of its own
            refused()


def _open_changed(model, change):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    change(changed)
    onnxruntime.InferenceSession(changed.SerializeToString())
