"""Pages in Chromium."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def missing(what: str) -> None:
    """A skip, or a failure where RMBG_FAST_BROWSER says that all is there."""
    if os.environ.get("RMBG_FAST_BROWSER"):
        pytest.fail(what)
    pytest.skip(what)


def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("there is no playwright")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("there is no Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])


def new_context(browser: Any) -> Any:
    """A visitor who was never here."""
    return browser.new_context(permissions=["clipboard-read", "clipboard-write"], accept_downloads=True)


def opened(browser: Any, address: str) -> Iterator[Any]:
    """A page at a first visit, as `visited` watches it."""
    context = new_context(browser)
    yield from visited(context, address)
    context.close()


def visited(context: Any, address: str) -> Iterator[Any]:
    """A page. What it asks of another host, what its policy refuses, and what it throws fails the test."""
    page = context.new_page()
    wrong: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((address, "blob:")):
            wrong.append(request.url)

    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None
    )
    context.on("request", asked)
    page.goto(address)
    page.wait_for_selector("#model option", state="attached")
    yield page
    page.close()
    context.remove_listener("request", asked)
    assert wrong == []


def drop(page: Any, path: Path, kind: str) -> None:
    """A file that is dropped, or pasted, on the page."""
    page.evaluate(
        """([text, name, kind]) => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          data.items.add(new File([bytes], name, { type: "image/png" }));
          const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        }""",
        [base64.b64encode(path.read_bytes()).decode("ascii"), path.name, kind],
    )


def renderer_memory(page: Any) -> float:
    """MB that the process of this page holds (Pss): the largest of the browser's renderers."""
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return max(_held(entry["id"]) for entry in processes if entry["type"] == "renderer")


def _held(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1e3
