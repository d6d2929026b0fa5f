"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import peerspec.native as room

MODULES = [f"{room.__name__}.{name}" for _, name, _ in pkgutil.iter_modules(room.__path__) if name != "_core"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
