"""The process a named backend lives in: ``python -m peerspec.conformance.hosts.worker ADDRESS NAME``."""

import sys

from peerspec.conformance.hosts.host import serve

if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
