"""Trials: a case, the answer of a backend, and the values to compare it with."""
