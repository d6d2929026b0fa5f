"""The backend from which mutants are made, unchanged."""

from _base import NumpyBackend

name, profiles, forward, select, gradients = NumpyBackend.as_backend()
