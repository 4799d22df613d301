"""Servers that are busy, refuse, or send elsewhere."""

from __future__ import annotations

import dataclasses
import time
from email.utils import formatdate

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ModelDownloadError
from rmbg_fast.models import urls
from support.model_server import CONTENT, Server, spec

pytestmark = pytest.mark.usefixtures("home")


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
