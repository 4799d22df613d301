"""rembg's home of `new_session`."""

# By its full name, as in bg.py.
from rmbg_fast.rembg import new_session

__all__ = ["new_session"]
