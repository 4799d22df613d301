"""Services as processes, and clients that ask them: what `benches/serve.py` measures with."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reply:
    """`index` of the picture; status 0: the connection broke. `digest` is the result's."""

    index: int
    status: int
    seconds: float
    digest: str


@dataclass
class Running:
    """A service. `path` takes pictures; `form` says that they come as multipart."""

    process: subprocess.Popen[str]
    port: int
    path: str = "/v1/remove"
    form: bool = False
    most: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def resident(self) -> float:
        """Megabytes at the moment."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def cpu(self) -> float:
        """Seconds so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def watch(self) -> None:
        """Keeps the most in `most`."""
        while not self._stop.wait(0.02):
            with suppress(OSError, IndexError):
                self.most = max(self.most, self.resident())

    def end(self) -> None:
        self._stop.set()
        self.process.terminate()
        self.process.wait(60)

    def headers(self) -> dict[str, str]:
        return {"Content-Type": "multipart/form-data; boundary=edge" if self.form else "application/octet-stream"}

    def body(self, picture: bytes) -> bytes:
        if not self.form:
            return picture
        part = b"--edge\r\nContent-Disposition: form-data; "
        head = part + b'name="model"\r\n\r\nu2netp\r\n' + part + b'name="file"; filename="a"\r\n\r\n'
        return head + picture + b"\r\n--edge--\r\n"


@contextmanager
def serving(model: str, *options: str) -> Iterator[Running]:
    """`rmbg-fast serve`, once it is ready."""
    command = [sys.executable, "-m", "rmbg_fast", "serve", "--port", "0", "--model", model, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
            break
    else:
        raise SystemExit(f"the service did not start: {command}")
    running = Running(process, int(found[1]))
    threading.Thread(target=running.watch, daemon=True).start()
    try:
        yield running
    finally:
        running.end()
        process.stderr.close()


@contextmanager
def rembg_serving(command: str, home: Path, port: int) -> Iterator[Running]:
    """`rembg s` with the model file u2netp.onnx of the folder `home`, once it answers."""
    own = {"U2NET_HOME": str(home), "MODEL_CHECKSUM_DISABLED": "1", "OMP_NUM_THREADS": "2"}
    process = subprocess.Popen(
        [command, "s", "--no-ui", "-p", str(port), "-h", "127.0.0.1", "-l", "error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **own, "PYTHONPATH": ""},
    )  # fmt: skip
    running = Running(process, port, "/api/remove", form=True)
    try:
        end = time.monotonic() + 300
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("rembg s did not start")
            time.sleep(0.2)
        yield running
    finally:
        running.end()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


class Client:
    """One connection, kept as long as the service keeps it."""

    def __init__(self, service: Running) -> None:
        self._service = service
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)

    def ask(self, index: int, picture: bytes) -> Reply:
        start = time.perf_counter()
        try:
            self._connection.request("POST", self._service.path, self._service.body(picture), self._service.headers())
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Reply(index, 0, time.perf_counter() - start, "")
        return Reply(index, answer.status, time.perf_counter() - start, digest(content))

    def close(self) -> None:
        self._connection.close()


def digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def asked(service: Running, pictures: Sequence[bytes], count: int, clients: int) -> tuple[list[Reply], float]:
    """The replies to `count` requests, the pictures in turn, of so many clients that wait for each reply; seconds."""
    numbers = iter(range(count))
    return _together(service, clients, lambda client: _in_turn(client, pictures, numbers))


def _in_turn(client: Client, pictures: Sequence[bytes], numbers: Iterator[int]) -> list[Reply]:
    return [client.ask(number % len(pictures), pictures[number % len(pictures)]) for number in numbers]


def offered(service: Running, picture: bytes, rate: float, seconds: float, clients: int) -> list[Reply]:
    """The replies to `rate` requests a second, whether or not those before have been answered."""
    numbers = iter(range(int(rate * seconds)))
    start = time.perf_counter()

    def work(client: Client) -> list[Reply]:
        replies = []
        for number in numbers:
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
            replies.append(client.ask(0, picture))
        return replies

    return _together(service, clients, work)[0]


def _together(service: Running, clients: int, work: Callable[[Client], list[Reply]]) -> tuple[list[Reply], float]:
    replies: list[Reply] = []
    guard = threading.Lock()

    def run() -> None:
        client = Client(service)
        mine = work(client)
        client.close()
        with guard:
            replies.extend(mine)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies, time.perf_counter() - start


def quantile(replies: Sequence[Reply], share: float) -> float:
    """Milliseconds."""
    times: list[Any] = sorted(reply.seconds for reply in replies)
    return 1e3 * float(times[min(len(times) - 1, int(share * len(times)))]) if times else 0.0
