"""Hosts: how a backend is started, called and ended."""
