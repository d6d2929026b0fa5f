"""``python -m peerspec``: the command ``peerspec``."""

from peerspec.cli import program

if __name__ == "__main__":
    program()
