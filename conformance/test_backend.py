"""Stands for the items that the plugin makes of the backend of ``--peer-backend``; see ``items``."""

import pytest


def test_the_plugin_is_loaded() -> None:
    """pytest only runs this file where the plugin, which would stand in for it, was kept from loading."""
    pytest.fail("the plugin is not loaded; add -p peerspec.conformance.plugin", pytrace=False)
