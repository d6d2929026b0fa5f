"""Files: written whole or not at all, tensors read as data, and how a traced layer is written."""
