"""Which models there are, how each wants to be fed, and where its file is."""

from . import recipes
from .places import ModelFile, NpmPlace, Progress, UrlPlace
from .registry import LicenseWarning, ensure, folder, get, names, path, pull
from .spec import ModelSpec, from_row

__all__ = [
    "LicenseWarning",
    "ModelFile",
    "ModelSpec",
    "NpmPlace",
    "Progress",
    "UrlPlace",
    "ensure",
    "folder",
    "from_row",
    "get",
    "names",
    "path",
    "pull",
    "recipes",
]
