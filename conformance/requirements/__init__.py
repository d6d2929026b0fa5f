"""The clauses of each version of SPEC.md, frozen; written by ``python -m peerspec.conformance.requirements.freeze``."""
