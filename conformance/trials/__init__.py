"""Trials: a case, the backend's answer, and everything that can be said about the answer."""
