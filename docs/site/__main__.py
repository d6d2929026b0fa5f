"""Build the site: ``python docs/site FOLDER``."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from pages import ROOT, stage
from sphinx.cmd.build import build_main

_HERE = Path(__file__).parent
_STRICT = ("--nitpicky", "--fail-on-warning", "--write-all", "--quiet")
_SOURCE, _CACHE = ROOT / "build" / "site-source", ROOT / "build" / "site-cache"


def main(out: str) -> int:
    """Build into ``out``; return Sphinx's exit status, which is not 0 if there was any warning."""
    stage(_SOURCE)
    if _is_older_than_its_readers(_CACHE / "environment.pickle"):
        shutil.rmtree(_CACHE, ignore_errors=True)
    return build_main([*_STRICT, "--conf-dir", str(_HERE), "-d", str(_CACHE), str(_SOURCE), out])


def _is_older_than_its_readers(cache: Path) -> bool:
    """Sphinx reads a page again if its file changed, but not if these modules, which change what it reads, did."""
    return cache.exists() and any(path.stat().st_mtime > cache.stat().st_mtime for path in _HERE.glob("*.py"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python docs/site", description="Build the site of the documentation.")
    parser.add_argument("folder", metavar="FOLDER", help="where to write the site")
    sys.exit(main(parser.parse_args().folder))
