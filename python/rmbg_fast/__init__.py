"""The fastest and most exact way to cut the subject out of a photo.

>>> import rmbg_fast
>>> rmbg_fast.remove("cat.jpg").save("cat.png")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import convert, errors, flow, models, ops, reference, rembg
    from ._core import DeviceArray, __version__
    from ._kept_sessions import remove
    from ._memory import trim
    from ._runtime.build_info import build_info
    from ._scene import Result, Scene
    from .errors import RmbgError
    from .models import ModelSpec
    from .session import ActivationWarning, EmptyMaskWarning, Session

__all__ = [
    "ActivationWarning",
    "DeviceArray",
    "EmptyMaskWarning",
    "ModelSpec",
    "Result",
    "RmbgError",
    "Scene",
    "Session",
    "__version__",
    "build_info",
    "convert",
    "errors",
    "flow",
    "models",
    "ops",
    "reference",
    "rembg",
    "remove",
    "trim",
]

# Imported when asked for: a program that only might cut out a photo starts as fast as without.
_HOMES = {
    "ActivationWarning": "session",
    "DeviceArray": "_core",
    "EmptyMaskWarning": "session",
    "ModelSpec": "models",
    "Result": "_scene",
    "RmbgError": "errors",
    "Scene": "_scene",
    "Session": "session",
    "__version__": "_core",
    "build_info": "_runtime.build_info",
    "remove": "_kept_sessions",
    "trim": "_memory",
}
_MODULES = {"convert", "errors", "flow", "models", "ops", "reference", "rembg"}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
