"""One program with every way to speak the protocol badly; the first argument names the way."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _speak import HELLO, Message, inputs, right_forward, run, say, write

WAY = sys.argv[1]
PICKLED_TO = "pickle was run"


def raw(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (PICKLED_TO,)


def changed(message: Message) -> dict[str, Any]:
    """A right answer with one thing wrong, which the file form allows."""
    out = right_forward(message)
    if WAY == "wrong shape":
        out["y"] = out["y"][..., :-1]
    elif WAY == "wrong format":
        out["y"] = out["y"].astype(np.float32)
    elif WAY == "byte ids":
        out["indices"] = out["indices"].astype(np.uint8)
    elif WAY == "unexpected state":
        out["query_norm.mean"] = np.zeros(1)
    elif WAY == "half a routing":
        del out["gates"]
    elif WAY == "unknown name":
        out["z"] = out["y"]
    elif WAY == "no y":
        out["output"] = out.pop("y")
    return out


def file_of(message: Message) -> None:
    """Something else where the answer should be."""
    path = Path(message["answer"])
    if WAY == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    elif WAY == "truncated":
        write(message, right_forward(message))
        path.write_bytes(path.read_bytes()[:-1])
    elif WAY == "huge header":
        path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    elif WAY == "link":
        write(message, right_forward(message))
        path.rename(path.with_suffix(".away"))
        path.symlink_to(path.with_suffix(".away"))
    elif WAY == "fifo":
        os.mkfifo(path)
    elif WAY == "folder":
        path.mkdir()
    elif WAY == "too large":
        with path.open("wb") as file:
            file.truncate((1 << 30) + 1)
    elif WAY == "complex":
        write(message, {"y": np.zeros(3, np.complex64)})


def spoil_input(message: Message) -> None:
    """x or a parameter is another afterwards; the answer itself is right."""
    out = right_forward(message)
    path = Path(message["layer" if WAY == "spoils layer" else "inputs"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)
    write(message, out)


def answer(message: Message) -> None:
    if WAY == "exits":
        print("first line", "the last word", sep="\n", file=sys.stderr)
        raise SystemExit(3)
    if WAY == "segfaults":
        os.kill(os.getpid(), 11)
    if WAY == "closes":
        os.close(1)
        time.sleep(60)
    if WAY == "hangs":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *sys.argv[2:]]).wait()
    if WAY == "garbage":
        raw("computing…\n")
    elif WAY == "not utf-8":
        sys.stdout.buffer.write(b"\xff\xfe\n")
        sys.stdout.flush()
    elif WAY == "not a number":
        raw('{"reply": NaN}\n')
    elif WAY == "marked":
        write(message, right_forward(message))
        raw('\ufeff{"reply": "forward"}\n')
    elif WAY == "long error":
        say({"reply": "error", "message": 100 * "reason "})
    elif WAY == "no folder":
        shutil.rmtree(Path(message["answer"]).parent)
        say({"reply": "forward"})
    elif WAY in ("a link for the folder", "a file for the folder"):
        folder = Path(message["answer"]).parent
        shutil.rmtree(folder)
        folder.symlink_to("/nowhere") if WAY.startswith("a link") else folder.touch()
        say({"reply": "forward"})
    elif WAY == "nested folders":
        os.chdir(Path(message["answer"]).parent)
        for _ in range(2000):
            os.mkdir("d")
            os.chdir("d")
        say({"reply": "forward"})
    elif WAY == "folder without rights":
        inner = Path(message["answer"]).parent / "inner"
        inner.mkdir()
        (inner / "file").touch()
        inner.chmod(0o555)
        say({"reply": "forward"})
    elif WAY == "deep":
        raw("[" * 100_000 + "\n")
    elif WAY == "a list":
        say(["forward"])
    elif WAY == "unknown reply":
        say({"reply": "select"})
    elif WAY == "unknown field":
        say({"reply": "forward", "y": [1, 2]})
    elif WAY == "long line":
        raw("x" * (3 << 20))
        time.sleep(60)
    elif WAY == "error":
        say({"reply": "error", "message": "no \x1b[31msuch activation"})
    elif WAY == "chatters":
        write(message, right_forward(message))
        raw(2 * '{"reply": "forward"}\n')
    elif WAY == "silent disk":
        say({"reply": "forward"})
    elif WAY == "loud":
        print("line\n" * 200_000, file=sys.stderr)
        write(message, right_forward(message))
        say({"reply": "forward"})
    elif WAY in ("spoils x", "spoils layer"):
        spoil_input(message)
        say({"reply": "forward"})
    elif WAY in ("pickle", "truncated", "huge header", "link", "fifo", "folder", "too large", "complex"):
        file_of(message)
        say({"reply": "forward"})
    else:
        write(message, changed(message))
        say({"reply": "forward"})


GREETINGS: dict[str, Any] = {
    "old protocol": HELLO | {"protocol": 0},
    "no forward": HELLO | {"methods": ["select"]},
    "new method": HELLO | {"methods": ["forward", "backward"]},
    "no name": HELLO | {"name": ""},
    "colourful": HELLO | {"name": "\x1b[31mred"},
    "bad profiles": HELLO | {"profiles": "float64"},
    "missing field": {"reply": "start", "protocol": 1},
    "claims select": HELLO | {"profiles": ["float64", "select"]},
    "unknown profile": HELLO | {"profiles": ["float64", "quantum"]},
}

if WAY == "dies at start":
    raise SystemExit("no licence found")
if WAY == "blind":
    assert inputs is not None
    while True:
        say(HELLO)
run(answer, GREETINGS.get(WAY, HELLO))
