"""Connections that want to harm: the others do not notice."""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack, suppress

import pytest

from rmbg_fast._serve import connections, sockets
from support import flow_models
from support.service import Served

PHOTO = flow_models.png(3)


def connected(here: Served) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", here.port))
    client.settimeout(30)
    return client


def test_a_thousand_idle_connections(here: Served) -> None:
    sockets.allow_many()
    if os.name == "posix":
        import resource

        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2500:
            pytest.skip("this process may not have so many files open")
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connected(here))
        assert here.ask("/v1/remove", PHOTO).status == 200


def test_heads_that_come_slowly_are_given_up(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    with connected(here) as nothing, connected(here) as half, connected(here) as second:
        half.sendall(b"POST /v1/remove HTTP/1.1\r\nHo")
        second.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert second.recv(4096).startswith(b"HTTP/1.1 200 ")
        second.sendall(b"GET /livez HT")
        for client in (nothing, half, second):
            with suppress(ConnectionResetError):
                assert client.recv(4096) == b""
    assert here.ask("/v1/remove", PHOTO).status == 200


def test_a_head_without_an_end(here: Served) -> None:
    headers = b"".join(f"X-{number}: {'y' * 1000}\r\n".encode() for number in range(10_000))
    with connected(here) as client, pytest.raises(OSError, match=r"reset|pipe|abort"):
        client.sendall(b"GET /livez HTTP/1.1\r\n" + headers)
    assert here.ask("/v1/remove", PHOTO).status == 200


def test_garbage(here: Served) -> None:
    random.seed(1)
    for length in (1, 10, 1000, 100_000):
        with connected(here) as client, suppress(OSError):
            client.sendall(random.randbytes(length) + b"\r\n\r\n")
            client.recv(4096)
    assert here.ask("/v1/remove", PHOTO).status == 200


def test_half_a_body_and_gone(here: Served) -> None:
    for _ in range(20):
        with connected(here) as client:
            client.sendall(b"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + PHOTO)
    here.wait(lambda: here.service.buffered.now == 0)
    assert here.ask("/v1/remove", PHOTO).status == 200


def test_requests_one_behind_the_other(here: Served) -> None:
    request = f"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode() + PHOTO
    with connected(here) as client:
        client.sendall(3 * request)
        found = b""
        while found.count(b"HTTP/1.1 200 ") < 3 or not found.endswith(b"IEND\xaeB`\x82"):
            found += client.recv(1 << 16)
