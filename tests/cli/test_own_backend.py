"""A backend of thirty lines in a file: the correct one is conformant, and each bug fails its clause."""

from pathlib import Path

import pytest


def test_a_backend_of_forty_lines_in_a_file_is_conformant(peerspec, own):
    path = own()
    assert len(Path(path).read_text("utf-8").splitlines()) < 40
    result = peerspec("check", path, "--size", "default")
    assert result.status == 0
    assert "mine: conformant (float32)" in result.out
    assert result.out.count("Passing is evidence") == 1
    first, *more = result.err.splitlines()  # a slow machine tells how far it is
    assert first == f"judging {path} ..."
    assert all(line.startswith(f"judging {path}: ") for line in more)


def test_an_attribute_of_the_file_can_be_the_backend(peerspec, own):
    path = own(('name = "mine"', "import sys\nname = 'mine'\nme = sys.modules[__name__]"))
    assert peerspec("check", f"{path}:me", "--size", "minimal", "--quiet").out == "✓ mine: conformant (float32)\n"


BUGS = {
    "QRY-2": ("q1, q2 = np.split", "q2, q1 = np.split"),
    "SCO-1": ("everyone = (s1", "everyone = 0.5 * (s1"),
    "IDX-1": ("s1[..., :, None] + s2[..., None, :]", "s2[..., :, None] + s1[..., None, :]"),
    "SEL-3": ("[..., : c.top_k]", "[..., -c.top_k :]"),
    "GAT-2": ("scores - scores.max(-1, keepdims=True)", "scores"),
    "GAT-1": ("gates /= gates.sum(-1", "gates /= gates.sum((-1, -2)"),
    "ACT-1": ("a * (1 + erf(a / math.sqrt(2))) / 2", "a / (1 + np.exp(-1.702 * a))"),
    "OUT-2": ('"...hk,...hkm->...m", weights, v)', '"...hk,...hkm->...m", weights, v) / np.float32(c.heads)'),
}


@pytest.mark.parametrize("clause", BUGS)
def test_one_bug_is_refused_by_the_clause_it_breaks(peerspec, own, clause):
    result = peerspec("check", own(BUGS[clause]), "--size", "minimal")
    first = next(line for line in result.out.splitlines() if "nearest to the cause" in line)
    assert result.status == 1
    assert clause in first
    assert "not conformant" in result.out


def test_a_failure_shows_clause_text_stage_case_numbers_and_the_command_that_repeats_it(peerspec, own):
    path = own(BUGS["SCO-1"])
    out = peerspec("check", path, "--size", "minimal").out
    assert "✗ score  SCO-1  scores.values[float32]  nearest to the cause" in out
    assert "without scale, normalisation or temperature" in " ".join(out.split())
    assert "expected -3.25, got -1.625" in out
    assert "in the case exact.whole" in out
    command = next(line for line in out.splitlines() if "again, alone:" in line).split("alone: peerspec ")[1]
    again = peerspec(*command.split())
    assert again.status == 1
    assert again.out.count("✗ score") == 1


@pytest.mark.parametrize("name", ["json", "numpy", "signal", "torch", "peerspec", "__main__"])
def test_a_file_may_have_the_name_of_a_module(peerspec, own, tmp_path, name):
    Path(own()).rename(tmp_path / f"{name}.py")
    result = peerspec("check", tmp_path / f"{name}.py", "--size", "minimal", "-q")
    assert (result.status, result.out) == (0, "✓ mine: conformant (float32)\n")


def test_a_name_that_two_packages_claim_is_refused_with_both(peerspec, own, tmp_path, monkeypatch):
    for package in ("one", "two"):
        folder = tmp_path / "site" / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[peerspec.backends]\nfast = {package}.fast\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    result = peerspec("check", "fast")
    assert result.status == 2
    assert "several packages claim the backend name 'fast'" in result.err
    assert "one (one.fast)" in result.err
    assert "two (two.fast)" in result.err
    assert "uninstall all but one" in result.err
