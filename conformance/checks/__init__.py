"""The checks, by stage and chapter; ``suite`` puts them in order."""
