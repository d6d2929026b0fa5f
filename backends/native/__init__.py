"""The backend ``native``: the native core alone, with NumPy arrays."""
