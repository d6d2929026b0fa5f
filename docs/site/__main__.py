"""Build the site: ``python docs/site FOLDER``; with ``--keep``, what an earlier build read is not read again."""

from __future__ import annotations

import sys
from pathlib import Path

from pages import ROOT, stage
from sphinx.cmd.build import build_main

STRICT = ("--nitpicky", "--fail-on-warning", "--quiet")


def main(out: str) -> int:
    """Build into ``out``; return Sphinx's exit status, which is not 0 if there was any warning."""
    source, cache = ROOT / "build" / "site-source", ROOT / "build" / "site-cache"
    stage(source)
    return build_main([*STRICT, "--conf-dir", str(Path(__file__).parent), "-d", str(cache), str(source), out])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
