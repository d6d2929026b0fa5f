"""The checks, one file per stage or subject; ``suite`` lists them in order."""
