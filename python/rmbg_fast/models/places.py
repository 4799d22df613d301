"""The files that hold a model's weights, and the places to get them from."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._storage import digests
from ..errors import ChecksumError
from .fields import Check, is_, is_int, list_of, matches, table

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the bytes in all (None: unknown); raise in it to stop the download."""


@dataclass(frozen=True)
class NpmPlace:
    """A model inside an npm package: `key` of its `dist/resources.json`, which lists the chunks of the file."""

    npm: str
    key: str

    def __str__(self) -> str:
        return f"npm package {self.npm}"


@dataclass(frozen=True)
class WheelPlace:
    """A model inside a wheel on PyPI, `wheel` as pip writes it: `member` is its path there."""

    wheel: str
    member: str

    def __str__(self) -> str:
        return f"PyPI package {self.wheel}"


@dataclass(frozen=True)
class UrlPlace:
    """A plain download: https, or http on this machine itself."""

    url: str

    def __str__(self) -> str:
        return self.url


Place = NpmPlace | WheelPlace | UrlPlace


class PlaceError(Exception):
    """This place did not deliver; the next one is tried."""


@dataclass(frozen=True)
class ModelFile:
    """A file that holds the weights, and the places to get it from, in the order in which they are tried."""

    filename: str
    digest: str
    places: tuple[Place, ...]
    bytes: int | None = None

    def is_whole(self, path: Path) -> bool:
        """Whether `path` is there with the recorded size; where none is recorded, whether it is there and not empty."""
        try:
            status = path.stat()
        except OSError:
            return False
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        return size > 0 if self.bytes is None else size == self.bytes

    def check(self, path: Path) -> None:
        """Read the whole of `path`. Raises ChecksumError unless size and digest are those of the row."""
        size = path.stat().st_size
        if self.bytes is not None and size != self.bytes:
            raise ChecksumError(f"{size:,} bytes came instead of {self.bytes:,}")
        algorithm = self.digest.partition(":")[0]
        found = f"{algorithm}:{digests.of(path, algorithm)}"
        if found != self.digest:
            raise ChecksumError(f"another file came: {found} instead of {self.digest}")


def place(value: Any) -> Place:
    """Check a place of a row."""
    if isinstance(value, Place):
        return value
    if isinstance(value, Mapping):
        for kind, keys in ((NpmPlace, {"npm", "key"}), (WheelPlace, {"wheel", "member"}), (UrlPlace, {"url"})):
            if value.keys() == keys:
                return kind(**table(value, _PLACE))
    raise ValueError(
        '{ npm = "name@version", key = "/..." }, { wheel = "name==version", member = "..." } or { url = "https://..." }'
    )


def model_file(value: Any) -> ModelFile:
    """Check a file of a row."""
    if isinstance(value, ModelFile):
        return value
    required = {"filename", "digest", "places"}
    if not isinstance(value, Mapping) or not required <= value.keys() <= required | {"bytes"}:
        raise ValueError("a table with the keys filename, digest, places and, where known, bytes")
    return ModelFile(**table(value, _FILE))


_FILE: dict[str, Check] = {
    "filename": matches(r"[A-Za-z0-9][\w.-]*\.onnx", "a bare file name that ends in .onnx"),
    "bytes": is_(lambda value: is_int(value) and value > 0, "a number above 0"),
    "digest": matches(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", '"sha256:..." or "md5:...", in lower case'),
    "places": list_of("place", place, least=1),
}
_PLACE: dict[str, Check] = {
    "npm": matches(
        r"(@[a-z0-9][\w.-]*/)?[a-z0-9][\w.-]*@\d+\.\d+\.\d+[\w.+-]*", '"name@version" with an exact version'
    ),
    "key": matches(r"/\S+", 'a key like "/models/medium"'),
    "wheel": matches(r"[A-Za-z0-9][\w.-]*==\d[\w.!+]*", '"name==version" with an exact version'),
    "member": matches(r"[A-Za-z0-9_][^\\\s]*", 'a path in the wheel like "package/model.onnx"'),
    "url": matches(r"https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])[:/]\S+", "https (http on this machine only)"),
}

FILES: Check = list_of("file", model_file, least=0)
"""The check of a row's `files`."""
