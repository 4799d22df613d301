"""What the service is told at its start."""

from __future__ import annotations

from dataclasses import dataclass

MEGA = 1 << 20


@dataclass(frozen=True)
class Settings:
    """The options of `rmbg-fast serve`; sizes in bytes, times in seconds, but for `max_wait`, in milliseconds.

    A caller gets the first of `models` unless it names another of them. `queue` uploads wait for each model's turn;
    `max_buffered` bytes of uploads and results are in memory at a time. `timeout` is a request's, from its first byte
    to the last of the result; `grace` is what SIGTERM leaves to those under way. `threads` are a process's.
    `rembg`: models are those that rembg calls so, fed as it feeds them. Pictures at URLs are fetched from the hosts of
    `allow_urls` alone.
    """

    models: tuple[str, ...] = ("isnet-general-use",)
    host: str = "127.0.0.1"
    port: int = 7000
    device: str = "auto"
    threads: int | None = None
    slots: int | None = None
    queue: int = 64
    batch: int = 1
    max_wait: float = 5.0
    max_body: int = 32 * MEGA
    max_buffered: int = 256 * MEGA
    max_megapixels: float = 50.0
    timeout: float = 30.0
    grace: float = 25.0
    workers: int = 1
    access_log: bool = False
    rembg: bool = False
    allow_urls: tuple[str, ...] = ()
