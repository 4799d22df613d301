"""What Prometheus is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from ..flow import BatchStats

if TYPE_CHECKING:
    from ..flow import Stats

__all__ = ["CONTENT_TYPE", "Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of one service leave what each has counted: prometheus-client's own variable."""


class Metrics:
    """The counts of this process; `text` gives those of all processes of the service."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self.requests = Counter("rmbg_fast_requests", "Requests by route and status", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "rmbg_fast_request_seconds", "Seconds of a request, its upload included", ["route"],
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.wait = Histogram(
            "rmbg_fast_queue_seconds", "Seconds that a picture waited for its turn", ["model"],
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.stage = Histogram(
            "rmbg_fast_stage_seconds", "Seconds of each stage of a picture", ["model", "stage"],
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.batches = Counter("rmbg_fast_batches", "Runs of the network, with --batch", ["model"], registry=own)
        self.batched_pictures = Counter("rmbg_fast_batched_pictures", "Pictures in them", ["model"], registry=own)
        self._batched: dict[str, BatchStats] = {}
        self.received = Counter("rmbg_fast_received_bytes", "Bytes of uploads", registry=own)
        self.sent = Counter("rmbg_fast_sent_bytes", "Bytes of results", registry=own)
        self.waiting = self._gauge("rmbg_fast_queue_depth", "Pictures that wait for their turn", ["model"])
        self.running = self._gauge("rmbg_fast_running", "Pictures that are worked on", ["model"])
        self.buffered = self._gauge("rmbg_fast_buffered_bytes", "Bytes of uploads and results in memory")
        self.resident = self._gauge("rmbg_fast_resident_bytes", "Resident memory")
        self.ready = self._gauge("rmbg_fast_ready", "Processes that take requests")

    def _gauge(self, name: str, about: str, labels: list[str] | None = None) -> Gauge:
        return Gauge(name, about, labels or [], registry=self._registry, multiprocess_mode="livesum")

    def answered(self, route: str, status: int, seconds: float) -> None:
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def ran(self, model: str, waited: float, stages: Mapping[str, float]) -> None:
        """`waited` in seconds, `stages` in milliseconds."""
        self.wait.labels(model).observe(waited)
        for stage, milliseconds in stages.items():
            self.stage.labels(model, stage).observe(milliseconds / 1e3)

    def batched(self, stats: Mapping[str, BatchStats]) -> None:
        """`stats` by model, since it was loaded."""
        for model, now in stats.items():
            before = self._batched.get(model, BatchStats(0, 0))
            self.batches.labels(model).inc(now.runs - before.runs)
            self.batched_pictures.labels(model).inc(now.pictures - before.pictures)
            self._batched[model] = now

    def look(self, stats: Mapping[str, Stats], *, buffered: int, ready: bool) -> None:
        """Take down what is so at the moment; `stats` by model."""
        for model, counts in stats.items():
            self.waiting.labels(model).set(counts.waiting)
            self.running.labels(model).set(counts.running)
        self.buffered.set(buffered)
        self.resident.set(resident())
        self.ready.set(ready)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        registry = self._registry
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
