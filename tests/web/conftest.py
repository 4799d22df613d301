"""The page in Chromium. RMBG_FAST_BROWSER=1 makes a failure of what is otherwise left out: no page, no browser."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast._web import server, site


def _missing(what: str) -> None:
    if os.environ.get("RMBG_FAST_BROWSER"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with u2netp, as a web server has it."""
    if not (site.PAGE / "core-plain.wasm").is_file():
        _missing("there is no page: scripts/build_web.py")
    made = tmp_path_factory.mktemp("site")
    site.write(made, [models.get("u2netp")])
    return made


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    with server.serve(folder, "127.0.0.1", 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("there is no playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        _missing("there is no Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened. What it asks of another host, what its policy refuses, and what it throws fails the test."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None
    )
    context.on(
        "request", lambda request: None if request.url.startswith((address, "blob:")) else wrong.append(request.url)
    )
    page.goto(address)
    page.wait_for_selector("#model option", state="attached")
    yield page
    context.close()
    assert wrong == []
