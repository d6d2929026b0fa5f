"""Helpers of these tests are imported by name, also in processes that tests start."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
