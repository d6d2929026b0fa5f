"""The file whose items ``pytest_items`` makes from the backend of ``--peer-backend``."""

import pytest


def test_the_plugin_is_loaded() -> None:
    """pytest runs this test only if the plugin, which replaces it, is not loaded."""
    pytest.fail("the plugin is not loaded; add -p peerspec.conformance.plugin", pytrace=False)
