"""A model's file from a URL: resumed where a connection broke, tried again where a server is busy, https only."""

from __future__ import annotations

import http.client
import ipaddress
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from ..errors import ChecksumError
from .places import ModelFile, PlaceError, Progress, UrlPlace

STALL_SECONDS = 30.0
"""A server that is silent for so long has stalled."""
RETRIES = 4
"""So often in a row a broken connection or a busy server may bring nothing new before the place has failed."""
BACKOFF_SECONDS = 1.0
"""The pause after the first failure in a row; it doubles with each further one."""
LONGEST_WAIT = 60.0
"""Seconds. A server that asks, by Retry-After, for a longer pause has failed."""
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_BLOCK = 1 << 18


class _BrokenOffError(PlaceError):
    """The connection ended or stalled under way, or the server is busy; what came is kept, it is worth another try.

    `wait`: the seconds that the server asked for.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def fetch(place: UrlPlace, file: ModelFile, target: Path, progress: Progress) -> None:
    """Download `file` to `target`, by way of `<target>.part`. Raises PlaceError, ChecksumError or OSError."""
    part = target.with_name(target.name + ".part")
    try:
        if _size(part) and (file.bytes is None or _size(part) >= file.bytes):
            with suppress(ChecksumError):  # it may be whole: killed just before it was renamed
                return _finish(part, file, target)
            if file.bytes is not None:
                part.unlink()
        resumed = _size(part) > 0
        _download(place.url, file, part, progress)
        try:
            return _finish(part, file, target)
        except ChecksumError:
            part.unlink()
            if not resumed:
                raise
        # Its beginning was of another file, or spoilt: once more from zero.
        _download(place.url, file, part, progress)
        _finish(part, file, target)
    except (ChecksumError, OSError):  # what is of no use, or fills the disk, does not stay
        with suppress(OSError):
            part.unlink()
        raise


def _finish(part: Path, file: ModelFile, target: Path) -> None:
    file.check(part)
    os.replace(part, target)


def _download(url: str, file: ModelFile, part: Path, progress: Progress) -> None:
    """Bring `part` to its full length, going on where it stops as long as that gets anywhere."""
    vain = 0
    while True:
        before = _size(part)
        try:
            return _receive(url, file, part, progress)
        except _BrokenOffError as exc:
            vain = 0 if _size(part) > before else vain + 1
            if vain >= RETRIES:
                raise
            time.sleep(max(exc.wait, BACKOFF_SECONDS * 2 ** (vain - 1) if vain else 0.0))


def _receive(url: str, file: ModelFile, part: Path, progress: Progress) -> None:
    have = _size(part)
    with _open(url, have) as response:
        if response.status == 206:
            begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if not begins or int(begins[1]) != have:
                part.unlink(missing_ok=True)
                raise _BrokenOffError("the server continues at another byte than it was asked to")
        else:
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        if file.bytes is not None and total not in (None, file.bytes):
            raise PlaceError(f"the server offers {total:,} bytes, the file has {file.bytes:,}")
        total = total or file.bytes
        progress(have, total)
        with open(part, "r+b" if have else "wb") as stream:
            stream.seek(have)
            while block := _read(response):
                have += len(block)
                if file.bytes is not None and have > file.bytes:
                    raise ChecksumError(f"more than the {file.bytes:,} bytes of the file came")
                stream.write(block)
                progress(have, total)
    if total is not None and have < total:
        raise _BrokenOffError(f"the connection ended after {have:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_BLOCK)
    except (OSError, http.client.HTTPException) as exc:
        raise _BrokenOffError(_words(exc)) from exc


@contextmanager
def _open(url: str, start: int) -> Iterator[http.client.HTTPResponse]:
    _refuse_insecure(url)
    request = urllib.request.Request(url, headers={"User-Agent": "rmbg-fast", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    opener = urllib.request.build_opener(_SecureRedirects)
    try:
        response = opener.open(request, timeout=STALL_SECONDS)
    except urllib.error.HTTPError as exc:
        exc.close()
        if exc.code == 416 and start:  # nothing there to go on from: the file changed
            with _open(url, 0) as response:
                yield response
            return
        raise _refusal(exc) from exc
    except (urllib.error.URLError, OSError, http.client.HTTPException) as exc:
        broken = isinstance(exc, TimeoutError | ConnectionError | http.client.HTTPException)
        raise (_BrokenOffError if broken else PlaceError)(_words(exc)) from exc
    with response:
        yield response


def _refusal(answer: urllib.error.HTTPError) -> PlaceError:
    words = f"the server answers {answer.code} {answer.reason}"
    if answer.code in (401, 403):
        return PlaceError(f"{words} (a login or a consent to the licence is asked for)")
    if answer.code not in _BUSY:
        return PlaceError(words)
    wait = _retry_after(answer.headers.get("Retry-After", ""))
    if wait > LONGEST_WAIT:
        return PlaceError(f"{words} and asks to be tried again in {wait:.0f} seconds")
    return _BrokenOffError(words, wait)


def _retry_after(value: str) -> float:
    """Seconds from now; the header holds a number of them or a date (RFC 9110, 10.2.3). 0 where it is neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            _refuse_insecure(newurl)
        except PlaceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_insecure(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise PlaceError(f"{url} is not https")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(exc: Exception) -> str:
    reason = getattr(exc, "reason", exc)
    if isinstance(reason, TimeoutError):
        return f"the server was silent for {STALL_SECONDS:g} seconds"
    return str(reason) or type(reason).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
