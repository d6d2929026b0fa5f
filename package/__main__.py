"""The command ``peerspec`` as ``python -m peerspec``."""

import sys

from peerspec.cli import main

if __name__ == "__main__":
    sys.exit(main())
