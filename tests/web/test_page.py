"""The page, used as people do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rmbg_fast
from support import browsing
from support.pages import DONE, downloaded, pixels


@pytest.fixture(scope="module")
def session() -> rmbg_fast.Session:
    return rmbg_fast.Session("u2netp", device="cpu")


def test_a_picked_photo_is_cut_out_as_the_library_does(
    first_page: Any, cat_file: Path, session: rmbg_fast.Session
) -> None:
    first_page.set_input_files("#files", str(cat_file))
    first_page.wait_for_selector(DONE)
    found = downloaded(first_page)
    wanted = np.asarray(session.remove(pixels(cat_file)))
    assert found.shape == wanted.shape
    apart = np.abs(found[..., 3].astype(int) - wanted[..., 3].astype(int))
    assert apart.max() <= 1
    assert apart.mean() < 0.02
    seen = (found[..., 3] > 0) & (wanted[..., 3] > 0)
    assert np.array_equal(found[seen][:, :3], wanted[seen][:, :3])
    assert "done" in first_page.inner_text("#status")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropped_and_pasted_photos_are_taken(page: Any, cat_file: Path, kind: str) -> None:
    browsing.drop(page, cat_file, kind)
    page.wait_for_selector(DONE)
    assert page.inner_text("#result-title") == "cat.png"


def test_a_background_colour_makes_an_opaque_picture(page: Any, cat_file: Path, session: rmbg_fast.Session) -> None:
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    page.check("#coloured")
    page.fill("#colour", "#336699")
    found = downloaded(page)
    wanted = np.asarray(session.remove(pixels(cat_file), background=(0x33, 0x66, 0x99)))
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1


def test_copy_puts_a_png_on_the_clipboard(page: Any, cat_file: Path) -> None:
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    page.click("#copy")
    page.wait_for_selector("#status:has-text('Copied')")
    kinds = page.evaluate("navigator.clipboard.read().then((items) => items[0].types)")
    assert kinds == ["image/png"]


def test_the_slider_answers_to_the_keyboard_and_the_mask_is_shown(page: Any, cat_file: Path) -> None:
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#slider") == "51"
    assert page.evaluate("document.getElementById('figure').style.getPropertyValue('--at')") == "51%"
    page.check("#mask")
    assert page.evaluate("document.getElementById('figure').classList.contains('mask')")


def test_what_is_no_picture_is_said_and_can_be_tried_again(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    page.set_input_files("#files", str(path))
    page.wait_for_selector("#alert:has-text('no picture')")
    page.click("#retry")
    page.wait_for_selector("#alert:has-text('no picture')")


def test_escape_cancels_and_retry_goes_on(page: Any, cat_file: Path) -> None:
    page.set_input_files("#files", [str(cat_file), str(cat_file)])
    page.wait_for_selector("#cancel", state="visible")
    page.keyboard.press("Escape")
    page.wait_for_selector("#retry", state="visible")
    assert page.locator("#list .small:has-text('cancelled')").count() == 2
    page.click("#retry")
    page.wait_for_selector("#list li:nth-child(2) >> text=done")


def test_a_second_visit_needs_no_connection(first_page: Any, cat_file: Path) -> None:
    first_page.set_input_files("#files", str(cat_file))
    first_page.wait_for_selector(DONE)
    first_page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    first_page.context.set_offline(True)
    first_page.reload()
    first_page.set_input_files("#files", str(cat_file))
    first_page.wait_for_selector(DONE)


def test_a_turned_photo_is_set_upright(page: Any, cat_file: Path, tmp_path: Path, session: rmbg_fast.Session) -> None:
    path = tmp_path / "turned.jpg"
    with Image.open(cat_file) as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(path, quality=95, exif=exif)
        turned = (image.height, image.width)
    page.set_input_files("#files", str(path))
    page.wait_for_selector(DONE)
    found = downloaded(page)
    wanted = session.remove(path)
    assert found.shape[1::-1] == turned
    apart = np.abs(found.astype(int) - np.asarray(wanted).astype(int))[..., 3]
    assert apart.max() <= 1  # the browser decodes JPEG files to the same samples as Pillow
    assert apart.mean() < 0.02


def test_colours_under_low_alpha_are_kept(
    page: Any, cat_file: Path, tmp_path: Path, session: rmbg_fast.Session
) -> None:
    path = tmp_path / "soft.png"
    cat = pixels(cat_file)
    soft = np.tile((np.arange(cat.shape[1]) * 255 // cat.shape[1]).astype(np.uint8), (cat.shape[0], 1))
    Image.fromarray(np.dstack([cat, soft])).save(path)
    page.set_input_files("#files", str(path))
    page.wait_for_selector(DONE)
    found, wanted = downloaded(page), np.asarray(session.remove(pixels(path)))
    seen = (found[..., 3] > 0) & (wanted[..., 3] > 0)
    assert seen.any()
    assert np.array_equal(found[seen][:, :3], wanted[seen][:, :3])


def test_a_model_that_cannot_be_fetched_is_said_and_fetched_at_the_next_try(
    browser: Any, address: str, cat_file: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/*.rmbg", lambda route: route.abort())
    page.goto(address)
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector("#alert:has-text('cannot be fetched')")
    page.unroute("**/*.rmbg")
    page.click("#retry")
    page.wait_for_selector(DONE)
    context.close()


def test_photos_wait_for_their_turn_and_can_be_looked_at_again(page: Any, cat_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    with Image.open(cat_file) as image:
        image.rotate(180).save(other)
    page.set_input_files("#files", [str(cat_file), str(other)])
    page.wait_for_selector("#list li:nth-child(2)[aria-current=true] >> text=done")
    assert page.inner_text("#result-title") == "other.png"
    page.click("#list li:nth-child(1) >> text=Show")
    page.wait_for_selector("#result-title:has-text('cat.png')")
    assert downloaded(page).shape == (*pixels(cat_file).shape[:2], 4)
    page.click("#list li:nth-child(1) >> text=Remove")
    page.wait_for_selector("#result", state="hidden")
    assert page.locator("#list li").count() == 1


def test_nothing_is_wider_than_a_small_telephone(page: Any, cat_file: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.set_input_files("#files", str(cat_file))
    page.wait_for_selector(DONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
