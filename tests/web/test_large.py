"""Pictures of many strips."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rmbg_fast
from rmbg_fast import _core
from support.pages import DONE, downloaded

# A picture by a formula, which NumPy and the page share; soft alpha; and digests of files.
SAMPLES = """
  const session = await shared(2);
  const samples = (width, height) => {
    const image = new ImageData(width, height);
    for (let i = 0; i < image.data.length; ++i) image.data[i] = ((Math.imul(i % 9973, 7919) >>> 4) + (i >> 12)) & 255;
    return image;
  };
  const sha256 = async (file) => {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
"""


def by_formula(width: int, height: int) -> Any:
    i = np.arange(4 * width * height, dtype=np.int64)
    return ((((i % 9973) * 7919) >> 4) + (i >> 12)).astype(np.uint8).reshape(height, width, 4)


def in_page(page: Any, script: str) -> Any:
    return page.evaluate(f"async () => {{ {SAMPLES} {script} }}")


@pytest.mark.parametrize(("width", "height"), [(1500, 2100), (70, 30000), (30000, 70)])
def test_a_file_written_in_strips_has_the_bytes_of_the_librarys(user_page: Any, width: int, height: int) -> None:
    found = in_page(user_page, f"return sha256(await session.encode(samples({width}, {height})));")
    wanted = _core.png_encode(by_formula(width, height), chunks=[], threads=1)
    assert found == hashlib.sha256(wanted).hexdigest()


def test_files_bitmaps_and_samples_give_the_same_picture(user_page: Any) -> None:
    digests, sizes, kinds = in_page(
        user_page,
        """
        const image = samples(600, 1901);
        const stored = await session.encode(image);
        const previews = [];
        const sizes = ({ photo, result }) => [photo.width, photo.height, result.width, result.height];
        const onPreview = (preview) => previews.push(sizes(preview));
        const files = [
          (await session.removeToPng(image, { onPreview, previewSize: 300 })).file,
          (await session.removeToPng(stored, { onPreview, previewSize: 300 })).file,
          await session.encode((await session.remove(image)).image),
          await session.encode((await session.remove(stored)).image),
        ];
        const over = (await session.removeToPng(stored, { background: [1, 2, 3] })).file;
        const kindOf = async (file) => new Uint8Array(await file.arrayBuffer())[25];
        return [await Promise.all(files.map(sha256)), previews, [await kindOf(files[0]), await kindOf(over)]];
        """,
    )
    assert len(set(digests)) == 1
    assert sizes == [[95, 300, 95, 300]] * 2
    assert kinds == [6, 2]  # RGBA, RGB


def test_a_cancelled_picture_of_many_strips_leaves_the_session_usable(user_page: Any) -> None:
    told = in_page(
        user_page,
        """
        const image = samples(2000, 2000);
        const stop = new AbortController();
        const onPreview = () => stop.abort();
        const options = { onPreview, signal: stop.signal };
        const refused = await session.removeToPng(image, options).catch((error) => error.name);
        return [refused, (await session.removeToPng(samples(40, 30))).width];
        """,
    )
    assert told == ["AbortError", 40]


def test_a_photo_wider_than_a_texture_is_cut_out_as_the_library_does(page: Any, cat_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with Image.open(cat_file) as image:
        image.resize((8200, 4400)).save(path, quality=90)
    page.set_input_files("#files", str(path))
    page.wait_for_selector(DONE, timeout=120_000)
    found = downloaded(page)
    wanted = rmbg_fast.Session("u2netp", device="cpu").remove(path)
    wanted = np.asarray(wanted)
    assert found.shape == wanted.shape
    found, wanted = found[::7, ::7], wanted[::7, ::7]
    apart = np.abs(found[..., 3].astype(int) - wanted[..., 3].astype(int))
    assert apart.max() <= 1
    assert apart.mean() < 0.02
    seen = (found[..., 3] > 0) & (wanted[..., 3] > 0)
    assert np.array_equal(found[seen][:, :3], wanted[seen][:, :3])


@pytest.mark.parametrize(("side", "said"), [(20000, "200 million"), (6000, "too little memory")])
def test_what_does_not_fit_is_said_with_the_way_round(
    page: Any, cat_file: Path, tmp_path: Path, side: int, said: str
) -> None:
    head = bytearray(cat_file.read_bytes()[:100])
    head[16:24] = side.to_bytes(4, "big") * 2
    path = tmp_path / "huge.png"
    path.write_bytes(head)
    page.set_input_files("#files", str(path))
    page.wait_for_selector(f"#alert:has-text('{said}')")
    assert "use the Python package" in page.inner_text("#alert")
