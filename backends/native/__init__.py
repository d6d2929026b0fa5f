"""The backend ``native``: the native core judged by itself, NumPy arrays in and out."""
