"""Draw ``usage.png``: the page of usage of a short training run of the language model.

Run ``python docs/figures/usage.py`` in the folder of the repository; it needs Chromium and takes a minute.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from support.browser import Browser

ROOT = Path(__file__).parents[2]
WIDTH, SCALE = 860, 1.0
TRAIN = ROOT / "examples" / "language_model" / "train.py"
SIZES = {"steps": 300, "experts": 16384, "width": 64, "heads": 4, "top-k": 8, "d-key": 32, "context": 64}


def main() -> None:
    """Train, open the page and keep a picture of it."""
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder, "usage.html")
        options = [f"--{name}={value}" for name, value in SIZES.items()]
        subprocess.run([sys.executable, TRAIN, ROOT / "SPEC.md", *options, f"--page={shown}"], check=True)
        browser = Browser(Path(folder, "profile"))
        try:
            Path(__file__).with_suffix(".png").write_bytes(browser.picture(shown.as_uri(), width=WIDTH, scale=SCALE))
        finally:
            browser.close()


if __name__ == "__main__":
    main()
