"""The page in Chromium. RMBG_FAST_BROWSER=1 makes a failure of what is otherwise left out: no page, no browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast._web import server, site
from support import browsing, module_pages


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with u2netp, as a web server has it."""
    if not (site.PAGE / "core-plain.wasm").is_file():
        browsing.missing("there is no page: scripts/build_web.py")
    made = tmp_path_factory.mktemp("site")
    site.write(made, [models.get("u2netp")])
    (made / "blank.html").write_text("<!doctype html><title>blank</title>")
    return made


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    with server.serve(folder, "127.0.0.1", 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


@pytest.fixture(scope="session")
def visitor(browser: Any) -> Iterator[Any]:
    context = browsing.new_context(browser)
    yield context
    context.close()


@pytest.fixture
def page(visitor: Any, address: str) -> Iterator[Any]:
    """The page, at one more visit of the same visitor: the browser has kept the model."""
    yield from browsing.visited(visitor, address)


@pytest.fixture
def first_page(browser: Any, address: str) -> Iterator[Any]:
    """The page at a first visit."""
    yield from browsing.opened(browser, address)


@pytest.fixture(scope="module")
def user_page(browser: Any, address: str) -> Iterator[Any]:
    """A page of somebody else's on the same host, with support.module_pages' helpers; one for all tests of a file."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}blank.html")
    module_pages.prepare(page)
    yield page
    context.close()
