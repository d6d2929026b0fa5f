"""Kill a program before each of its steps on the file system, and see what it leaves."""

import subprocess
import sys
from pathlib import Path

__all__ = ["killed_at_every_step"]

DRIVER = """
import os, shutil, signal, sys

program, start, out = sys.argv[1:]
STEPS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "fcntl.flock"}
exec(program)  # defines step(folder)
shutil.copytree(start, f"{out}/warm", symlinks=True)
step(f"{out}/warm")  # imports are no steps
shutil.rmtree(f"{out}/warm")

def kill_before(number):
    left = number
    def watch(event, arguments):
        nonlocal left
        if event in STEPS:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
    sys.addaudithook(watch)

number, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    folder = f"{out}/{number:03}"
    shutil.copytree(start, folder, symlinks=True)
    child = os.fork()
    if not child:
        kill_before(number)
        step(folder)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    number += 1
sys.exit(status != 0)
"""


def killed_at_every_step(program: str, start: Path, out: Path) -> list[Path]:
    """The folders that a program leaves if it is killed before its step 0, 1, 2, …; the last is that of a whole run.

    Python reports each step on the file system, so the program cannot take one that is not seen.

    Args:
        program: code that defines ``step(folder)``.
        start: a folder; each run gets a copy of it.
        out: a new folder for the copies.
    """
    out.mkdir()
    subprocess.run([sys.executable, "-c", DRIVER, program, str(start), str(out)], check=True)
    return sorted(out.iterdir())
