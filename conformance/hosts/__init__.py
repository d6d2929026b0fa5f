"""Hosts: where a backend lives while it is judged, and how one call to it is made."""
