"""rembg's module, on this package: the calls of rembg 2.0.86, with its results, from the same model files.

>>> import rmbg_fast.rembg as rembg
>>> cutout = rembg.remove(photo)

`remove` and `new_session` take what rembg's take. A program that imports rembg by that name gets this one after
`sys.modules["rembg"] = rmbg_fast.rembg`; an installed rembg is neither imported nor changed. docs/replace-rembg.md
lists, option by option, what is the same, what is better and what is not there.
"""

from ._remove import UnidentifiedImageError, remove
from ._session import RembgSession, model, new_session

__version__ = "2.0.86"
"""Of the rembg whose behaviour this is."""

__all__ = ["RembgSession", "UnidentifiedImageError", "__version__", "model", "new_session", "remove"]
