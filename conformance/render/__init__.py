"""Reports made visible: as text on a terminal and as JSON. The data stand in ``peerspec.conformance.report``."""
