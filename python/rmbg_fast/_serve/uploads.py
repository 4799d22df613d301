"""The picture that a request brings: its whole body, or the part `file` of a form. No more is read than is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from .problems import ClientGone, Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_FORM = b"multipart/form-data"
_FIELDS = 64
_FIELD_BYTES = 1 << 16
_RAW = (b"", b"application/octet-stream", b"application/x-www-form-urlencoded")  # the last: what curl says if not told


@dataclass
class Upload:
    """`data` is the picture's file; `fields` are the other ones of a form."""

    data: bytearray
    fields: dict[str, str] = field(default_factory=dict)


async def read(request: Request, limit: int, take: Callable[[int], None]) -> Upload:
    """The upload of a request. `take` is told of bytes before they are kept, and may refuse them.

    Raises Problem: 400 for a body that is none, 413 beyond `limit` bytes, before it is read where its length is said,
    415 for another type.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != _FORM and kind not in _RAW and not kind.startswith(b"image/"):
        raise Problem(
            415,
            f"the body must be a picture or multipart/form-data with the part `file`, not {kind.decode('latin-1')}",
            {"Accept": "image/*, application/octet-stream, multipart/form-data"},
        )
    boundary = options.get(b"boundary", b"")
    if kind == _FORM and not 1 <= len(boundary) <= 70:
        raise Problem(400, "the Content-Type of the form has no boundary of 1 to 70 characters")
    chunks = _chunks(request, limit, take)
    upload = await (_read_form(chunks, boundary) if kind == _FORM else _read_raw(chunks))
    if not upload.data:
        what = "the part `file` of the form" if kind == _FORM else "the body"
        raise Problem(400, f"{what} is empty: send the picture's file")
    return upload


async def _chunks(request: Request, limit: int, take: Callable[[int], None]) -> AsyncIterator[bytes]:
    length = request.headers.get("content-length", "")
    count = int(length) if length.isdecimal() else 0
    total = 0
    too_large = Problem(413, f"the body has more than {limit} bytes", limit=limit)
    if count > limit:
        raise too_large
    try:
        async for chunk in request.stream():
            total += len(chunk)
            if total > limit:
                raise too_large
            take(len(chunk))
            yield chunk
    except ClientDisconnect as exc:
        raise ClientGone from exc


async def _read_raw(chunks: AsyncIterator[bytes]) -> Upload:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
    return Upload(data)


async def _read_form(chunks: AsyncIterator[bytes], boundary: bytes) -> Upload:
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError as exc:
        raise Problem(400, f"the form cannot be read: {exc}") from exc
    if not form.whole:
        raise Problem(400, "the form ends before its last boundary")
    if form.file is None:
        raise Problem(400, "the form has no part `file`")
    return Upload(form.file, {name: _text(name, value) for name, value in form.fields.items()})


class _Form:
    """What the parser finds."""

    def __init__(self) -> None:
        self.file: bytearray | None = None
        self.fields: dict[str, bytearray] = {}
        self.whole = False
        self._header: list[bytearray] = [bytearray(), bytearray()]
        self._name = ""
        self._part = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.on_part_begin,
            "on_part_data": self.on_part_data,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_headers_finished": self.on_headers_finished,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        self._name, self._part = "", bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def on_header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = [bytearray(), bytearray()]
        if name.lower() == b"content-disposition":
            self._name = parse_options_header(value)[1].get(b"name", b"").decode("utf-8", "replace")

    def on_headers_finished(self) -> None:
        if not self._name:
            raise Problem(400, "a part of the form has no name")
        if self._name in self.fields or (self._name == "file" and self.file is not None):
            raise Problem(400, f"the form has more than one part {self._name!r}")
        if self._name == "file":
            self.file = self._part
        elif len(self.fields) >= _FIELDS:
            raise Problem(400, f"the form has more than {_FIELDS} parts")
        else:
            self.fields[self._name] = self._part

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._part += memoryview(data)[start:end]
        if self._part is not self.file and len(self._part) > _FIELD_BYTES:
            raise Problem(400, f"the part {self._name!r} of the form has more than {_FIELD_BYTES} bytes")

    def on_end(self) -> None:
        self.whole = True


def _text(name: str, value: bytearray) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Problem(400, f"the part {name!r} of the form is no text in UTF-8") from exc
