"""POST and GET /api/remove, as rembg's clients call it."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")

import rmbg_fast.rembg as rembg
from rmbg_fast import Session
from rmbg_fast._serve import fetching
from rmbg_fast._serve.problems import Problem
from support.pictures import encoded
from support.service import Served, form, served

PHOTO = encoded(Image.fromarray(np.random.default_rng(29).integers(0, 256, (40, 50, 3), np.uint8)), "PNG")


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(rembg.model("u2netp"), device="cpu")


@pytest.fixture(scope="module")
def here(session: Session) -> Iterator[Served]:
    with served({"u2netp": session}) as running:
        yield running


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("fields", "query", "options"),
    [
        ({}, "", {}),
        ({"model": "u2netp", "a": "false", "af": "240", "ab": "10", "ae": "10", "vm": "false"}, "", {}),
        ({"om": "true"}, "", {"only_mask": True}),
        ({"ppm": "True"}, "", {"post_process_mask": True}),
        ({"dc": "1"}, "", {"decontaminate": True}),
        ({}, "?bgc=255,0,10,128", {"bgcolor": (255, 0, 10, 128)}),
        ({}, "?extras=%7B%22putalpha%22%3A%20true%7D", {"putalpha": True}),
    ],
)
def test_post(here: Served, session: Session, fields: Any, query: str, options: Any) -> None:
    answer = here.ask(f"/api/remove{query}", *form(PHOTO, fields))
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "image/png"
    expected = rembg.remove(PHOTO, session=rembg.RembgSession("u2netp", session), **options)
    np.testing.assert_array_equal(pixels_of(answer.body), pixels_of(expected))


@pytest.mark.parametrize(
    ("fields", "query", "status", "says"),
    [
        ({"model": "sam"}, "", 422, "model must be one of u2netp"),
        ({"model": "u2net"}, "", 422, "model must be one of u2netp"),
        ({"af": "300"}, "", 422, "0 to 255"),
        ({"ae": "-1"}, "", 422, "ae must be"),
        ({"a": "perhaps"}, "", 422, "true or false"),
        ({"vm": "true"}, "", 422, "vitmatte is not there"),
        ({}, "?bgc=1,2,3", 422, "four numbers"),
        ({}, "?bgc=1,2,3,900", 422, "four numbers"),
        ({}, "?extras=%7B", 422, "no JSON"),
        ({}, "?extras=%5B%5D", 422, "an object of JSON"),
    ],
)
def test_wrong_values(here: Served, fields: Any, query: str, status: int, says: str) -> None:
    answer = here.ask(f"/api/remove{query}", *form(PHOTO, fields))
    assert (answer.status, says in answer.problem["detail"]) == (status, True), answer.body


def test_no_picture(here: Served) -> None:
    assert here.ask("/api/remove", *form(b"garbage")).status == 400


def test_urls_are_off(here: Served) -> None:
    answer = here.ask("/api/remove?url=http://example.com/a.png")
    assert answer.status == 410
    assert "--allow-urls" in answer.problem["detail"]


# --- URLs


class Photos(http.server.BaseHTTPRequestHandler):
    """A picture, a redirect to it, and what else a server may say."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        status = {"/moved.png": 302, "/gone.png": 404}.get(self.path, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/a.png?x=1")
        self.end_headers()
        if status == 200 and self.path != "/empty.png":
            self.wfile.write(PHOTO if self.path.startswith("/a.png") else bytes(3_000_000))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def photos() -> Iterator[int]:
    Photos.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Photos)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def fetches(session: Session, photos: int) -> Iterator[Served]:
    hosts = (f"photos.example:{photos}", f"127.0.0.1:{photos}", "inside.example")
    with served({"u2netp": session}, allow_urls=hosts, max_body=1 << 20) as running:
        yield running


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name; this machine counts as public where a test says so."""
    names: dict[str, list[str]] = {}
    monkeypatch.setattr(fetching, "_resolved", lambda host, port: names.get(host, [host]))
    return names


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_is_public", lambda _: True)


def test_get(fetches: Served, photos: int, resolver: Any, public: None, session: Session) -> None:
    resolver["photos.example"] = ["127.0.0.1"]
    answer = fetches.ask(f"/api/remove?url=http://photos.example:{photos}/a.png%3Fsize%3D2&om=true&model=u2netp")
    assert answer.status == 200, answer.body
    assert Photos.asked[-1] == "/a.png?size=2"
    mask = rembg.remove(PHOTO, session=rembg.RembgSession("u2netp", session), only_mask=True)
    np.testing.assert_array_equal(pixels_of(answer.body), pixels_of(mask))


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/moved.png", 502, "redirects are not followed"),
        ("/gone.png", 502, "answers 404"),
        ("/large.png", 413, "more than 1048576 bytes"),
        ("/empty.png", 502, "empty body"),
    ],
)
def test_what_the_host_says(
    fetches: Served, photos: int, resolver: Any, public: None, path: str, status: int, says: str
) -> None:
    resolver["photos.example"] = ["127.0.0.1"]
    answer = fetches.ask(f"/api/remove?url=http://photos.example:{photos}{path}")
    assert (answer.status, says in answer.problem["detail"]) == (status, True), answer.body
    assert Photos.asked[-1] == path  # a redirect is not followed


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%1"])
@pytest.mark.parametrize("others", [[], ["93.184.215.14"]])
def test_private_addresses(fetches: Served, photos: int, resolver: Any, address: str, others: list[str]) -> None:
    """Whatever the name: no connection is made, not even where other addresses of it are public."""
    before = len(Photos.asked)
    resolver["photos.example"] = [*others, address]
    answer = fetches.ask(f"/api/remove?url=http://photos.example:{photos}/a.png")
    assert (answer.status, "private address" in answer.problem["detail"]) == (403, True)
    assert len(Photos.asked) == before


def test_allowed_by_address_is_still_private(fetches: Served, photos: int) -> None:
    assert fetches.ask(f"/api/remove?url=http://127.0.0.1:{photos}/a.png").status == 403


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://elsewhere.example/a.png", 403),
        ("http://inside.example.elsewhere.example/a.png", 403),
        ("http://inside.example:8080/a.png", 403),
        ("http://user@inside.example/a.png", 422),
        ("file:///etc/passwd", 422),
        ("ftp://inside.example/a.png", 422),
        ("//inside.example/a.png", 422),
        ("http://[::1", 422),
        ("http://inside.example:99999/a.png", 422),
        ("http://inside.example/a b.png", 422),
        ("http://inside.example/a\r\nHost: x", 422),
        ("http://\u0131nside.example/a.png", 422),
    ],
)
def test_urls_that_are_not_allowed(url: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        fetching.allowed(url, ["inside.example"])
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:4700::1111", True), ("64:ff9b::5db8:d70e", True),
        ("0.0.0.0", False), ("100.64.0.1", False), ("192.168.0.1", False), ("172.16.0.1", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("fc00::1", False), ("ff02::1", False), ("::", False), ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False), ("::ffff:127.0.0.1", False),
    ],
)  # fmt: skip
def test_addresses(address: str, public: bool) -> None:
    assert fetching._is_public(address) is public


def test_a_missing_url_and_a_wrong_value(fetches: Served) -> None:
    assert fetches.ask("/api/remove").status == 422
    assert fetches.ask("/api/remove?url=http://inside.example/a.png&bgc=1").status == 422
    assert json.loads(fetches.ask("/api/remove?url=http://inside.example/a.png&model=u2net").body)["status"] == 422
