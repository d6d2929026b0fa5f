"""The checks, one file per stage or subject; ``suite`` puts them in order."""
