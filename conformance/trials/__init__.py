"""Trials: one case put to one backend, with everything that can be said about the answer."""
