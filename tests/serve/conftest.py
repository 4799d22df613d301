"""A service whose network is nearly free."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette", reason="the extra `serve` is not installed")
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from rmbg_fast import Session
from support import flow_models
from support.service import Served, served


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("model"), slots=2, max_queued_requests=8)


@pytest.fixture(scope="module")
def here(session: Session) -> Iterator[Served]:
    with served({session.model.name: session}, queue=8, max_body=1 << 20, max_megapixels=1, timeout=20) as running:
        yield running
