"""A service whose network is nearly free."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from rmbg_fast import Session
from support import flow_models

if TYPE_CHECKING:
    from support.service import Served

if any(find_spec(name) is None for name in ("starlette", "uvicorn", "httptools", "python_multipart")):
    collect_ignore_glob = ["test_*.py"]  # the extra `serve` is not installed


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("model"), slots=2, max_queued_requests=8)


@pytest.fixture(scope="module")
def here(session: Session) -> Iterator[Served]:
    from support.service import served

    with served({session.model.name: session}, queue=8, max_body=1 << 20, max_megapixels=1, timeout=20) as running:
        yield running
