"""An export leaves the old model or the new one, whole, wherever it ends, and no other file is touched."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.kills import killed_at_every_step
from support.power_cut import PowerCuts

from peerspec.export import ExportError, export, read, read_layer
from peerspec.export.generation import data_path, new_data_path
from peerspec.export.read import read_model
from peerspec.export.stored import check_external
from peerspec.files import temporary_name
from peerspec.files.atomic_file import AtomicFile
from peerspec.reference import Layer, PeerConfig, forward

CONFIG = PeerConfig(d_model=6, heads=2, num_experts=49, top_k=3, d_key=4)
LAYERS = {name: Layer.random(CONFIG, seed=seed) for seed, name in enumerate(["old", "new", "third"])}
X = np.ones((1, 1, 6), np.float32)
TOKEN = ".0123abcd.data"
OF_THE_USER = {"other.onnx": b"1", "model.onnx_data": b"2", f"model.onnx{TOKEN}": b"3", ".model.onnx.a.part": b"4"}
BEFORE = {"nothing": None, "one file": 1 << 20, "two files": 0}
AFTER = {"one file": 1 << 20, "two files": 0}
KILLED = """
from pathlib import Path
from peerspec.export import export
from peerspec.reference import Layer, PeerConfig

layer = Layer.random(PeerConfig(d_model=6, heads=2, num_experts=49, top_k=3, d_key=4), seed=1)
def step(folder):
    export(layer, Path(folder, "model.onnx"), external_threshold={}, overwrite=True)
"""


def which(path: Path) -> str:
    """The layer that a model stores and computes; a mixture is none."""
    if not path.exists():
        return "nothing"
    check_external(path, read_model(path))
    params = read_layer(path).params
    [name] = [name for name, layer in LAYERS.items() if all((layer.params[key] == params[key]).all() for key in params)]
    assert computes(onnxruntime.InferenceSession(path), name)
    return name


def computes(session: onnxruntime.InferenceSession, name: str) -> bool:
    return np.allclose(session.run(["y"], {"x": X})[0], forward(LAYERS[name], X).y, rtol=1e-4, atol=1e-5)


def others(folder: Path) -> set[str]:
    """The files of a folder that are neither the user's, which are unchanged, nor the model."""
    assert {name: (folder / name).read_bytes() for name in OF_THE_USER} == OF_THE_USER
    return set(os.listdir(folder)) - {*OF_THE_USER, "model.onnx"}


@pytest.fixture
def path(tmp_path):
    """The path of a model, in a folder with files of the user."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name, content in OF_THE_USER.items():
        (folder / name).write_bytes(content)
    return folder / "model.onnx"


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("before", BEFORE)
def test_a_kill_at_any_step_leaves_the_old_model_or_the_new_one(path, tmp_path, before, after):
    if before != "nothing":
        export(LAYERS["old"], path, external_threshold=BEFORE[before])
    folders = killed_at_every_step(KILLED.format(AFTER[after]), path.parent, tmp_path / "killed")
    assert len(folders) > 10
    seen = []
    for folder in folders:
        seen.append(which(folder / "model.onnx"))
        others(folder)
        export(LAYERS["new"], folder / "model.onnx", external_threshold=0, overwrite=True)
        assert which(folder / "model.onnx") == "new"
        assert not [name for name in others(folder) if name.startswith(".")], "temporary files stay"
        assert len(others(folder) - {"model.onnx.data"}) <= 1, "tables that no model names stay"
    first = "nothing" if before == "nothing" else "old"
    assert seen == sorted(seen, key=[first, "new"].index)
    assert {*seen} == {first, "new"}
    assert len(others(folders[-1])) == 1


@pytest.mark.parametrize("before", BEFORE)
def test_a_power_cut_leaves_the_old_model_or_the_new_one(path, tmp_path, monkeypatch, before):
    if before != "nothing":
        export(LAYERS["old"], path, external_threshold=BEFORE[before])
    with monkeypatch.context() as patch:
        cuts = PowerCuts(path.parent, patch)
        export(LAYERS["new"], path, external_threshold=0, overwrite=True)
    cuts.close()
    assert len(cuts.states) > 2
    for number, state in enumerate(cuts.states):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in state:
            (folder / name).write_bytes(content)
        assert which(folder / "model.onnx") in ("nothing" if before == "nothing" else "old", "new")


def test_after_any_number_of_exports_there_is_one_external_file(path):
    for name in ("old", "new", "third", "new", "new"):
        export(LAYERS[name], path, external_threshold=0, overwrite=True)
        assert which(path) == name
        assert len(others(path.parent)) == 1
    export(LAYERS["old"], path, overwrite=True)
    assert others(path.parent) == set()


def test_who_has_opened_the_old_model_keeps_it(path):
    export(LAYERS["old"], path, external_threshold=0)
    layer, session = read_layer(path), onnxruntime.InferenceSession(path)
    for name in ("new", "third"):
        export(LAYERS[name], path, external_threshold=0, overwrite=True)
    assert (layer.params["experts.u"] == LAYERS["old"].params["experts.u"]).all()
    assert computes(session, "old")


def test_a_model_that_is_replaced_while_it_is_read_is_read_again(path, monkeypatch):
    export(LAYERS["old"], path, external_threshold=0)
    pending, read_layer_at = ["new", "third"], read.read_layer_at

    def replace_before(*arguments):
        if pending:
            export(LAYERS[pending.pop(0)], path, external_threshold=0, overwrite=True)
        return read_layer_at(*arguments)

    monkeypatch.setattr(read, "read_layer_at", replace_before)
    assert (read_layer(path).params["keys"] == LAYERS["third"].params["keys"]).all()


def test_a_layer_may_be_written_over_the_model_that_it_is_read_from(path):
    export(LAYERS["old"], path, external_threshold=0)
    export(read_layer(path), path, external_threshold=0, leading=("tokens",), overwrite=True)
    assert (read_layer(path).params["experts.v"] == LAYERS["old"].params["experts.v"]).all()


def test_many_writers_of_one_model_leave_one_of_theirs_and_readers_find_a_whole_one(path):
    def write(name):
        export(LAYERS[name], path, external_threshold=1000, overwrite=True)  # keys in the graph, experts in the tables

    write("old")
    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(write, name) for name in ("new", "third") * 8]
        while not all(future.done() for future in written):
            params = read_layer(path).params
            assert any(all((of.params[key] == params[key]).all() for key in params) for of in LAYERS.values())
    assert [future.result() for future in written] == [None] * 16
    assert which(path) in ("new", "third")
    assert len(others(path.parent)) == 1, "tables that no model names stay"
    assert not [name for name in others(path.parent) if name.startswith(".")]


def test_an_interrupt_between_the_two_files_removes_the_new_tables_and_one_after_them_keeps_them(path, monkeypatch):
    export(LAYERS["old"], path, external_threshold=0)
    sync, pending = os.fsync, []

    def interrupt(handle):
        sync(handle)
        pending.pop()
        if not pending:
            raise KeyboardInterrupt

    for count, name in ((2, "old"), (4, "new")):  # after the names of the tables, and of the graph, are on the disk
        pending[:] = [None] * count
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupt)
            with pytest.raises(KeyboardInterrupt):
                export(LAYERS["new"], path, external_threshold=0, overwrite=True)
        assert which(path) == name
        assert len(others(path.parent)) == {"old": 1, "new": 2}[name]


@pytest.mark.parametrize("kind", ["of another name", "beside no model", "in another folder", "a link"])
def test_tables_that_no_export_of_this_model_wrote_stay(path, kind):
    data = path.with_name("model.onnx.data")
    export(LAYERS["old"], path, external_threshold=0)
    if kind == "of another name":
        path = path.rename(path.with_name("renamed.onnx"))
    elif kind == "beside no model":
        path.unlink()
    elif kind == "in another folder":
        deep = path.parent / "deep"
        deep.mkdir()
        path.write_bytes(path.read_bytes().replace(b"model.onnx.data", b"deep/model.data"))
        data = data.rename(deep / "model.data")
    else:
        target = data.rename(path.with_name("tables"))
        data.symlink_to("tables")
        data = target
    before = data.read_bytes()
    export(LAYERS["new"], path, external_threshold=0, overwrite=True)
    assert data.read_bytes() == before
    assert which(path) == "new"
    assert path.with_name("model.onnx.data").is_symlink() == (kind == "a link")


@pytest.mark.parametrize("kind", ["itself", "a hard link to it", "another spelling", "another layer"])
def test_a_layer_file_is_never_replaced_by_a_model(tmp_path, kind):
    file = tmp_path / "layer.safetensors"
    LAYERS["old"].save(file)
    before, target = file.read_bytes(), file
    if kind == "a hard link to it":
        target = tmp_path / "model.onnx"
        target.hardlink_to(file)
    elif kind == "another spelling":
        target = tmp_path / ".." / tmp_path.name / file.name
    elif kind == "another layer":
        LAYERS["new"].save(tmp_path / "other.safetensors")
        target = tmp_path / "other.safetensors"
    files = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    with pytest.raises(ExportError, match=r"is a safetensors file.*only a model is overwritten; choose another path"):
        export(Layer.load(file), target, overwrite=True)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == files
    assert file.read_bytes() == before


def orphan(path: Path) -> Path:
    """Tables that an export gave a name, as one leaves that is killed before it publishes the graph."""
    file = new_data_path(path)
    file.write_bytes(b"orphan")
    return file


@pytest.mark.parametrize("graph", ["backup.onnx", "model.onnx.bak", "latest"])
def test_tables_that_another_graph_beside_them_names_stay(path, graph):
    for name in ("old", "new"):
        export(LAYERS[name], path, external_threshold=0, overwrite=True)
    copy = path.with_name(graph)
    copy.write_bytes(path.read_bytes())
    named, left = others(path.parent), orphan(path)
    for _ in range(2):
        export(LAYERS["third"], path, external_threshold=0, overwrite=True)
        assert named < others(path.parent)
        assert which(copy) == "new"
        assert not left.exists()
    assert len(others(path.parent)) == len(named) + 1


@pytest.mark.parametrize("kind", ["running", "of another host", "without a lock"])
def test_tables_of_an_export_that_may_still_run_stay_until_it_has_ended(path, kind):
    export(LAYERS["old"], path, external_threshold=0)
    left = orphan(path)
    with AtomicFile(data_path(path)) as held:
        lock = held.name.with_suffix(".lock")
        if kind != "running":
            lock = lock.rename(lock.with_name(lock.name.replace(temporary_name._HOST, "0" * 8)))
        if kind == "without a lock":
            held.name.rename(lock.with_suffix(".part"))
            lock.unlink()
        export(LAYERS["new"], path, external_threshold=0, overwrite=True)
        assert left.exists()
    for file in (lock, lock.with_suffix(".part")):
        file.unlink(missing_ok=True)
    export(LAYERS["new"], path, external_threshold=0, overwrite=True)
    assert not left.exists()
    assert which(path) == "new"


def test_without_overwrite_and_without_locks_nothing_is_collected(path, monkeypatch):
    path.touch()
    left = orphan(path)
    path.unlink()
    export(LAYERS["old"], path, external_threshold=0)
    assert left.exists()
    monkeypatch.setattr(temporary_name, "_locked", lambda lock: None)
    export(LAYERS["new"], path, external_threshold=0, overwrite=True)
    assert left.exists()


def test_a_layer_file_with_the_name_of_the_external_file_stays(path):
    file = path.with_name("model.onnx.data")
    LAYERS["new"].save(file)
    before = file.read_bytes()
    export(Layer.load(file), path, external_threshold=0, overwrite=True)
    assert which(path) == "new"
    assert file.read_bytes() == before


@pytest.mark.parametrize("target", ["nothing", "target"])
def test_a_link_is_refused_before_anything_is_written(path, target):
    file = path.with_name("target")
    file.write_bytes(b"kept")
    path.symlink_to(target)
    with pytest.raises(ExportError, match="is a symbolic link; choose the path of a file to write"):
        export(LAYERS["new"], path, overwrite=True)
    assert (file.read_bytes(), os.readlink(path), others(path.parent)) == (b"kept", target, {"target"})
