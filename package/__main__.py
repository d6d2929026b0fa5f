"""``python -m peerspec``: the command ``peerspec``."""

import sys

from peerspec.cli import main

if __name__ == "__main__":
    sys.exit(main())
