"""Bounds of the values that a legal backend may return, by running error analysis (SPEC.md, PRC-4)."""
