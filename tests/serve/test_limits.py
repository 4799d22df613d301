"""What is refused, how, and what it costs."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from PIL import Image

from rmbg_fast import Session
from support import flow_models
from support.service import Answer, Served, form, served

PHOTO = flow_models.png(3)


@contextmanager
def busy(session: Session) -> Iterator[None]:
    """All slots are taken."""
    pictures = [flow_models.Late(seed) for seed in range(session.stats.slots)]
    threads = [threading.Thread(target=session.remove, args=(picture,)) for picture in pictures]
    with ExitStack() as stack:
        for thread, picture in zip(threads, pictures, strict=True):
            stack.callback(thread.join)
            thread.start()
            stack.callback(picture.come.set)
        for picture in pictures:
            assert picture.begun.wait(30)
        yield


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG file of that size, and a little of its pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def asked_together(here: Served, count: int) -> tuple[list[Answer], list[threading.Thread]]:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(here.ask("/v1/remove", PHOTO))) for _ in range(count)]
    for thread in threads:
        thread.start()
    return answers, threads


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"no picture", {}, 400, "image"),
        (PHOTO[:200], {}, 400, "cut short"),
        (b"", {}, 400, "empty"),
        (PHOTO, {"Content-Type": "text/plain"}, 415, "text/plain"),
        (PHOTO, {"Content-Type": "multipart/form-data"}, 400, "boundary"),
        (PHOTO, {"Content-Type": "multipart/form-data; boundary=x"}, 400, "form"),
        (bytes((1 << 20) + 1), {}, 413, "1048576"),
        (bomb(50_000, 50_000), {}, 413, "more than 1 megapixels"),
        (bomb(1001, 1000), {}, 413, "1.0 megapixels"),
        (*form(b""), 400, "empty"),
        (*form(PHOTO, name="photo"), 400, "no part `file`"),
        (form(PHOTO)[0][:-10], form(PHOTO)[1], 400, "last boundary"),
        (*form(PHOTO, {"name": "x" * 70_000}), 400, "65536"),
    ],
    ids=[
        "garbage", "half a picture", "empty", "text", "no boundary", "no form", "large", "bomb", "many pixels",
        "empty part", "no file", "half a form", "long field",
    ],
)  # fmt: skip
def test_what_is_no_picture(here: Served, body: bytes, headers: dict[str, str], status: int, said: str) -> None:
    answer = here.ask("/v1/remove", body, headers)
    assert answer.status == status, answer.body
    assert said in answer.problem["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "threshold=0", "threshold=256", "threshold=x", "threshold=%C2%B2", "crop=-1", "crop=maybe", "crop=1&crop=2",
        "max_side=0", "format=gif", "format=jpeg", "format=mask-png&background=white", "alpha=none", "foreground=some",
        "background=nocolour", "background=/etc/passwd", "other=1",
    ],
)  # fmt: skip
def test_wrong_options_are_said_before_anything_is_read(here: Served, query: str) -> None:
    answer = here.ask(f"/v1/remove?{query}", PHOTO)
    assert answer.status == 422, answer.body
    assert query.split("=")[0] in answer.problem["detail"].lower()


@pytest.mark.parametrize(("path", "method", "status"), [("/v1/other", "GET", 404), ("/v1/remove", "GET", 405)])
def test_other_routes_and_methods(here: Served, path: str, method: str, status: int) -> None:
    answer = here.ask(path, method=method)
    assert answer.status == status
    assert answer.problem["title"]
    assert (status == 405) == ("allow" in answer.headers)


def test_a_large_body_is_refused_before_it_is_read(here: Served) -> None:
    with socket.create_connection(("127.0.0.1", here.port)) as client:
        client.sendall(b"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_large_body_of_unknown_length_is_refused_on_the_way(here: Served) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1 << 16
            yield bytes(1 << 16)

    try:
        assert here.ask("/v1/remove", pieces()).status == 413
    except (BrokenPipeError, ConnectionResetError):
        assert sent > 1 << 20
    assert here.service.buffered.now == 0
    assert here.service.buffered.most <= 3 << 20


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(here: Served, session: Session) -> None:
    with busy(session):
        answers, threads = asked_together(here, 8)
        here.wait(lambda: session.stats.waiting == 8)
        begun = time.monotonic()
        refused = here.ask("/v1/remove", PHOTO)
        assert time.monotonic() - begun < 5
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "8 requests wait" in refused.problem["detail"]
        assert here.ask("/livez").status == here.ask("/readyz").status == 200
        assert b'rmbg_fast_queue_depth{model="small"} 8.0' in here.ask("/metrics").body
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 8


def test_uploads_that_do_not_fit_into_memory_are_refused(session: Session) -> None:
    with served({"small": session}, max_buffered=10_000) as here:
        assert here.ask("/v1/remove", PHOTO).status == 200
        assert here.ask("/v1/remove", PHOTO + bytes(10_000)).status == 429
        assert here.service.buffered.now == 0


def test_the_deadline(session: Session) -> None:
    with served({"small": session}, timeout=0.3) as here, busy(session):
        answer = here.ask("/v1/remove", PHOTO)
        assert answer.status == 504
        assert "deadline" in answer.problem["detail"]
        assert session.stats.waiting == 0


def test_an_upload_that_does_not_come(session: Session) -> None:
    with served({"small": session}, timeout=0.3) as here:
        with socket.create_connection(("127.0.0.1", here.port)) as client:
            client.sendall(b"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
            client.settimeout(20)
            assert client.recv(4096).startswith(b"HTTP/1.1 408 ")
        here.wait(lambda: here.service.buffered.now == 0)


def test_a_client_that_hangs_up_leaves_the_queue(here: Served, session: Session) -> None:
    before = session.stats
    with busy(session):
        with socket.create_connection(("127.0.0.1", here.port)) as client:
            head = f"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
            client.sendall(head.encode() + PHOTO)
            here.wait(lambda: session.stats.waiting == 1)
        here.wait(lambda: session.stats.waiting == 0)
    here.wait(lambda: session.stats.running == 0)
    after = session.stats
    assert after.done == before.done + session.stats.slots
    assert b'status="499"' in here.ask("/metrics").body


def test_a_run_under_way_is_stopped_when_its_client_hangs_up(tmp_path: Any) -> None:
    endless = Session(flow_models.endless(tmp_path), device="cpu", slots=1)
    with served({"endless": endless}) as here:
        with socket.create_connection(("127.0.0.1", here.port)) as client:
            head = f"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
            client.sendall(head.encode() + PHOTO)
            here.wait(lambda: endless.stats.running == 1)
            time.sleep(0.2)
        here.wait(lambda: endless.stats.running == 0)
        assert endless.stats.cancelled == 1


def test_it_says_that_it_is_not_ready(session: Session) -> None:
    with served({"small": session}) as here:
        for state in ("loading", "draining"):
            here.service.state = state  # type: ignore[assignment]
            for path, body in (("/readyz", None), ("/v1/models", None), ("/v1/remove", PHOTO)):
                answer = here.ask(path, body)
                assert answer.status == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.problem["detail"]
            assert here.ask("/livez").status == 200


def test_a_result_that_nobody_takes_is_dropped(session: Session) -> None:
    file = io.BytesIO()
    Image.new("RGB", (2000, 1500)).save(file, "PNG")
    with served({"small": session}, timeout=1) as here:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", here.port))
            data = file.getvalue()
            client.sendall(
                f"POST /v1/remove?format=rgba HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            )
            client.sendall(data)
            here.wait(lambda: here.service.buffered.now >= 12_000_000)
            here.wait(lambda: here.service.buffered.now == 0)
        assert here.ask("/v1/remove", PHOTO).status == 200
