"""What a download checks, reports and leaves; parts that are continued; files that are others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ChecksumError, ModelDownloadError
from rmbg_fast.models import urls
from support.model_server import CONTENT, OTHER, Server, left, put_part, spec

pytestmark = pytest.mark.usefixtures("home")


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
