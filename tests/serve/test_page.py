"""The page at /, used as people do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast import Session
from support import browsing
from support.pages import DONE, downloaded
from support.service import Served, served


@pytest.fixture(scope="module")
def other() -> Session:
    return Session("u2netp", device="cpu")


@pytest.fixture(scope="module")
def both(session: Session, other: Session) -> Iterator[Served]:
    with served({"u2netp": other, session.model.name: session}, timeout=60) as running:
        yield running


@pytest.fixture
def page(browser: Any, both: Served) -> Iterator[Any]:
    yield from browsing.opened(browser, f"http://127.0.0.1:{both.port}/")


def wanted(session: Session, path: Path, **options: Any) -> Any:
    with Image.open(io.BytesIO(session.remove(path.read_bytes(), **options))) as image:
        return np.asarray(image)


def test_a_picked_photo_gives_what_the_library_gives(page: Any, cat_file: Path, other: Session) -> None:
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    assert np.array_equal(downloaded(page), wanted(other, cat_file))
    assert "done" in page.inner_text("#status")
    page.check("#coloured")
    page.fill("#colour", "#336699")
    assert np.array_equal(downloaded(page), wanted(other, cat_file, background="#336699"))


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropped_and_pasted_photos_are_taken(page: Any, cat_file: Path, kind: str) -> None:
    browsing.drop(page, cat_file, kind)
    page.wait_for_selector(DONE)
    assert page.inner_text("#result-title") == "cat.png"


def test_another_model(page: Any, cat_file: Path, session: Session) -> None:
    page.select_option("#model", session.model.name)
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    assert np.array_equal(downloaded(page), wanted(session, cat_file))


def test_what_is_no_picture_is_said(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    page.set_input_files("#files", str(path))
    page.wait_for_selector("#alert:has-text('image bytes')")
    page.click("#retry")
    page.wait_for_selector("#alert:has-text('image bytes')")


def test_escape_cancels_and_retry_goes_on(page: Any, cat_file: Path) -> None:
    page.route("**/v1/remove*", lambda route: None)  # never answered
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector("#cancel", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#status:has-text('cancelled')")
    page.unroute("**/v1/remove*")
    page.click("#retry")
    page.wait_for_selector(DONE)


def test_all_of_it_by_keyboard_and_on_a_telephone(page: Any, cat_file: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.getElementById('figure').style.getPropertyValue('--at')") == "51%"
    page.focus("#download")
    with page.expect_download():
        page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_its_headers(both: Served) -> None:
    for path in ("/", "/page/page.js", "/page/view.js", "/page/files.js", "/page/page.css", "/page/icon.svg"):
        answer = both.ask(path)
        assert answer.status == 200
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert both.ask("/page/page.py").status == both.ask("/page/..%2fpage.py").status == 404
