"""rembg's home of sessions: their class, and the names of the models."""

# By its full name, as in bg.py.
from rmbg_fast.rembg import RembgSession
from rmbg_fast.rembg._models import names

BaseSession = RembgSession
sessions_names = names()

__all__ = ["BaseSession", "RembgSession", "sessions_names"]
