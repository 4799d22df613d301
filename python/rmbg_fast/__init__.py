"""The fastest and most exact way to cut the subject out of a photo.

>>> import rmbg_fast
>>> rmbg_fast.remove("cat.jpg").save("cat.png")
"""

from . import errors, models, ops
from ._core import __version__
from ._runtime.build_info import build_info
from .errors import RmbgError
from .models import ModelSpec
from .session import EmptyMaskWarning, Session, remove

__all__ = [
    "EmptyMaskWarning",
    "ModelSpec",
    "RmbgError",
    "Session",
    "__version__",
    "build_info",
    "errors",
    "models",
    "ops",
    "reference",
    "remove",
]


def __getattr__(name: str) -> object:
    if name == "reference":  # only for tests and benchmarks: imported when it is asked for
        import importlib

        return importlib.import_module(".reference", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
