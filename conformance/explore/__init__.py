"""Exploration: cases that Hypothesis draws around the fixed cases."""
