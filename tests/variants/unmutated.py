"""The layer that mutants are made from, unchanged."""

from _base import Net

name, profiles, forward, select, gradients = Net.parts()
