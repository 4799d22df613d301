"""rembg's home of `remove`."""

# By its full name: behind sys.modules["rembg"] this file is imported as rembg.bg, from where no package lies above.
from rmbg_fast.rembg import new_session, remove

__all__ = ["new_session", "remove"]
