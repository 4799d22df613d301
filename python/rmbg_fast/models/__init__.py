"""Which models there are, how each wants to be fed, and where its file is."""

from . import recipes
from .places import ModelFile, NpmPlace, Progress, UrlPlace, WheelPlace
from .registry import LicenseWarning, check, ensure, file_of, folder, get, names, path, pull, renew
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
    "check",
    "ensure",
    "file_of",
    "folder",
    "from_row",
    "get",
    "names",
    "path",
    "pull",
    "recipes",
    "renew",
]
