"""Draw ``report.png``: an excerpt of the report page on a backend that divides y by the number of heads.

Run ``python docs/figures/report.py`` in the folder of the repository; it needs Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from support.browser import Browser

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.render.html import page

ROOT = Path(__file__).parents[2]
WIDTH, SCALE = 900, 1.25
LEFT_OUT = ("profiles", "stages", "checks", "run", "clauses")
ALONE = (
    *(f"document.getElementById('{section}').closest('section').remove()" for section in LEFT_OUT),
    "document.querySelectorAll('nav, footer, .failure ~ *').forEach(e => e.remove())",
)
"""What leaves the verdict and the first failure, without the other sections of the page."""


class Mine:
    """The wrong backend, which claims one precision and no other profile."""

    name, profiles = "mine", ("float32",)
    forward = staticmethod(load(str(ROOT / "tests" / "mutants" / "heads_averaged.py")).forward)


def main() -> None:
    """Judge the backend, open its page and keep a picture of it."""
    report = check_backend(Mine())
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder, "report.html")
        shown.write_text(page([report]), "utf-8")
        browser = Browser(Path(folder, "profile"))
        try:
            Path(__file__).with_suffix(".png").write_bytes(
                browser.picture(shown.as_uri(), width=WIDTH, scale=SCALE, first=ALONE)
            )
        finally:
            browser.close()


if __name__ == "__main__":
    main()
