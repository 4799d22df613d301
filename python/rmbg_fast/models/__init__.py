"""Which models there are, how each wants to be fed, and where its file is."""

from . import recipes
from .places import ModelFile, NpmPlace, Progress, UrlPlace, WheelPlace
from .registry import LicenseWarning, ensure, folder, get, names, path, pull
from .spec import EMBEDDED, ModelSpec, from_row

__all__ = [
    "EMBEDDED",
    "LicenseWarning",
    "ModelFile",
    "ModelSpec",
    "NpmPlace",
    "Progress",
    "UrlPlace",
    "WheelPlace",
    "ensure",
    "folder",
    "from_row",
    "get",
    "names",
    "path",
    "pull",
    "recipes",
]
