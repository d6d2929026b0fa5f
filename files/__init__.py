"""Files: written whole or not at all, and tensors read as data."""
