"""A server of models, and an empty home."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmbg_fast.models import registry, urls
from support.model_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for models; the network may be asked, without a proxy and without long pauses."""
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RMBG_FAST_OFFLINE", raising=False)
    monkeypatch.setattr(registry, "_noticed", set())
    monkeypatch.setattr(urls, "BACKOFF_SECONDS", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.onnx"
    path.write_bytes(b"weights")
    return path
