"""The layers of chapter 15 from which mutants are made: experts one by one, in the compute dtype."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend

name, profiles, forward, comparison, comparison_gradients = ComparingBackend.as_backend()
