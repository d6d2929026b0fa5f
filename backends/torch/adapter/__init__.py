"""Adapters that each token picks at run time, beside linear maps that stay as they are (SPEC.md, chapter 14)."""
