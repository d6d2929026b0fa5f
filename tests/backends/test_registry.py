"""Whatever the code of a backend does while it is imported, its user gets one error with the name of the backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerspec.backends import BackendError, load

RIGHT = "name, profiles = 'liar', ['float32']\ndef forward(layer, x, **options): ...\n"
CANNOT = "class Bad(Exception):\n    def __str__(self):\n        raise {0}\n    __repr__ = __str__\n"

IMPORTS = {
    "raises": ("raise ValueError('no')", "ValueError: no"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "raises no Exception": ("raise GeneratorExit", "GeneratorExit"),
    "calls itself": ("def f(): f()\nf()", "RecursionError: maximum recursion depth"),
    "raises without a message": (
        CANNOT.format("OSError") + "raise Bad",
        "Bad: its message cannot be read because of OS",
    ),
    "exits in a message": (CANNOT.format("SystemExit") + "raise Bad", "its message cannot be read because of System"),
    "raises a long message": ("raise ValueError('x' * 10**7)", "x…"),
    "has no attributes": ("def __getattr__(name): raise OSError('no such name')\ndel name", "OSError: no such name"),
    "has no list of profiles": ("profiles = None", "profiles must be a collection of names, got None"),
    "has profiles for once": ("profiles = iter(['float32'])", "profiles must be a collection of names"),
    "has profiles that cannot be shown": (CANNOT.format("OSError") + "profiles = Bad()", "got a value of the type Bad"),
    "has no name": ("name = None", "its name must be a printable text of 1 to 100 letters, got None"),
}


@pytest.mark.parametrize(("text", "sentence"), IMPORTS.values(), ids=IMPORTS)
def test_a_file_that_fails_in_any_way_is_an_error_of_the_backend(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "liar.py").write_text(RIGHT + text)
    with pytest.raises(BackendError) as caught:
        load(str(tmp_path / "liar.py"))
    assert sentence in str(caught.value)
    assert "liar.py" in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_file_may_change_the_paths_of_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    (tmp_path / "liar.py").write_text("import sys\nsys.path.clear()\n" + RIGHT)
    assert load(str(tmp_path / "liar.py")).name == "liar"


def test_an_interrupt_of_the_user_is_none_of_the_backend(tmp_path: Path) -> None:
    (tmp_path / "liar.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load(str(tmp_path / "liar.py"))
