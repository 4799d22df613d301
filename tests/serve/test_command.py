"""The command: its options, its processes, and how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rmbg_fast._cli.main import _parser, main
from support import flow_models
from support.serve_command import command
from support.service import Served

PHOTO = flow_models.png(3)
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def test_it_serves_logs_and_ends_with_0() -> None:
    with command("--access-log", RMBG_FAST_SERVE_MAX_BODY="2kB") as running:
        here = running.here
        assert here.ask("/v1/remove", PHOTO[:10]).status == 400
        assert here.ask("/v1/remove?max_side=30", PHOTO).status == 413
        assert here.ask("/v1/remove", flow_models.png(0)[:2000]).status == 400
        assert running.end() == 0
    lines = [json.loads(line) for line in running.logged]
    assert [line["status"] for line in lines] == [400, 413, 400]
    assert lines[1]["path"] == "/v1/remove"
    assert lines[1]["query"] == "max_side=30"


def test_the_check_of_a_container() -> None:
    with command() as running:
        port = str(running.here.port)
        assert main(["serve", "--check", "--port", port]) == 0
    assert main(["serve", "--check", "--port", port]) == 1


def test_a_model_that_is_not_there_ends_it() -> None:
    with command("--model", "none-such.onnx") as running:
        assert running.ended() == 1
    assert "none-such.onnx" in "".join(running.told)


def test_what_it_has_is_finished_after_sigterm() -> None:
    def taken() -> float:
        names = rb'rmbg_fast_(?:running|queue_depth){model="u2netp"}|rmbg_fast_requests_total{route="/v1/remove".*}'
        return sum(float(count) for count in re.findall(rb"(?:%s) ([\d.]+)" % names, here.ask("/metrics").body))

    with command() as running:
        here = running.here
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(here.ask("/v1/remove", PHOTO))) for _ in range(12)]
        for thread in threads:
            thread.start()
        here.wait(lambda: taken() >= 12)
        assert running.end() == 0
        for thread in threads:
            thread.join()
    assert [answer.status for answer in answers] == [200] * 12


@contextmanager
def half_sent(here: Served) -> Iterator[None]:
    """A request whose body does not come."""
    with socket.create_connection(("127.0.0.1", here.port)) as client:
        client.sendall(b"POST /v1/remove HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        here.wait(lambda: b"rmbg_fast_buffered_bytes 4.0" in here.ask("/metrics").body)
        yield


def test_a_second_signal_ends_it_at_once() -> None:
    with command() as running, half_sent(running.here):
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.process.poll() is None
        assert running.end() == 128 + signal.SIGTERM


def test_the_grace_period_ends() -> None:
    with command("--grace", "1") as running, half_sent(running.here):
        assert running.end() == 1


def test_options_come_from_the_environment_too(capsys: pytest.CaptureFixture[str]) -> None:
    with command("--max-body", "3kB", RMBG_FAST_SERVE_MAX_BODY="1kB", RMBG_FAST_SERVE_TIMEOUT="0.5") as running:
        assert running.here.ask("/v1/remove", bytes(2000)).status == 400
        assert running.here.ask("/v1/remove", bytes(3001)).status == 413
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMBG_FAST_SERVE_QUEUE", "many")
        assert main(["serve"]) == 2
    assert "--queue" in capsys.readouterr().err


def test_models_of_the_command_line_go_before_those_of_the_environment() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMBG_FAST_SERVE_MODEL", "u2netp, isnet-general-use")
        assert _parser().parse_args(["serve"]).model == ["u2netp", "isnet-general-use"]
        assert _parser().parse_args(["serve", "--model", "a", "--model", "b"]).model == ["a", "b"]
