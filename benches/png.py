"""PNG files: time and size beside Pillow's level 1 and OpenCV, pixels compared first.

    python benches/png.py [PHOTO ...] [--threads N] [--megapixels M] [--quick] [--save MACHINE]

Without photos those of scikit-image, enlarged, with the noise of a camera and without it; and, always, pages that are
drawn, at 1920 x 1080 and as large as the photos. The least of three, after one that warms up: of one thread in CPU
time, of several in elapsed time.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import recording
from PIL import Image, ImageDraw
from timing import in_turns

from rmbg_fast import _core

SCREEN = (1080, 1920)
TURNS = 3
Row = dict[str, Any]


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--megapixels", type=float, default=12)
    args = parser.parse_args()
    run = recording.Run("png", quick=args.quick)
    megapixels = 0.1 if args.quick else args.megapixels
    rows = [row(name, pixels, args.threads) for name, pixels in photos(args.photos, megapixels)]
    run.show("Photos and cut-outs", rows)
    side = (megapixels * 1e6 / 12) ** 0.5
    sizes = [(90, 160)] if args.quick else [SCREEN, (round(3 * side), round(4 * side))]
    run.show("Drawn pages", [row(name, pixels, args.threads) for size in sizes for name, pixels in drawn(size)])
    run.save(args.save)


def photos(paths: list[Path], megapixels: float) -> Iterator[tuple[str, Any]]:
    """RGBA: whole, and cut out so that 39 and 19 % are covered, with colour 0 under alpha 0."""
    rng = np.random.default_rng(0)
    if paths:
        opened = {path.name: Image.open(path).convert("RGB") for path in paths}
    else:
        import skimage.data

        opened = {name: Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "coffee", "chelsea")}
    for name, image in opened.items():
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = (round(image.width * scale), round(image.height * scale))
        rgb = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(np.float32)
        if not paths:
            yield f"{name}, smooth", opaque(rgb)
            rgb += rng.normal(0, 2, rgb.shape)
        rgba = opaque(rgb)
        yield f"{name}, whole", rgba
        for covered in (0.39, 0.19):
            yy, xx = np.ogrid[-0.5 : 0.5 : size[1] * 1j, -0.5 : 0.5 : size[0] * 1j]
            soft = ((covered / np.pi) ** 0.5 - np.hypot(yy, xx)) * 200 + 0.5
            cut = rgba.copy()
            cut[..., 3] = soft.clip(0, 1) * 255
            cut[cut[..., 3] == 0] = 0
            yield f"{name}, {covered:.0%}", cut


def opaque(rgb: Any) -> Any:
    return np.dstack([np.rint(rgb.clip(0, 255)).astype(np.uint8), np.full(rgb.shape[:2], 255, np.uint8)])


def drawn(size: tuple[int, int]) -> Iterator[tuple[str, Any]]:
    """What repeats at a distance, or is flat: text, a chart, the windows of a desktop, and a mask."""
    height, width = size
    at = f"{width} x {height}"
    for name, draw in {"text": text, "chart": chart, "windows": windows}.items():
        page = Image.new("RGB", (width, height), "white")
        draw(ImageDraw.Draw(page), width, height)
        yield f"{name}, {at}", np.asarray(page)
    yy, xx = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    yield f"mask, {at}", (((0.7 - np.hypot(yy, xx)) * 60 + 0.5).clip(0, 1) * 255).astype(np.uint8)


def text(page: ImageDraw.ImageDraw, width: int, height: int) -> None:
    words = np.random.default_rng(1).choice(["photo", "background", "alpha", "a", "of", "the", "matte", "edge"], 40_000)
    line = 0
    for top in range(8, height - 8, 14):
        page.text((8, top), " ".join(words[line : line + width // 36]), fill="black")
        line = (line + width // 36) % 39_000


def chart(page: ImageDraw.ImageDraw, width: int, height: int) -> None:
    heights = np.random.default_rng(2).random(24)
    for i, value in enumerate(heights):
        left = width * i / 24
        page.rectangle((left, height * (1 - 0.9 * value), left + width / 30, height), fill=(40, 90 + 6 * i, 200))
    for i in range(10):
        page.line((0, height * i / 10, width, height * i / 10), fill=(200, 200, 200))


def windows(page: ImageDraw.ImageDraw, width: int, height: int) -> None:
    for i in range(6):
        left, top = width * i / 9, height * i / 9
        page.rectangle((left, top, left + width / 3, top + height / 3), fill=(240 - 12 * i,) * 3, outline="black")
        page.rectangle((left, top, left + width / 3, top + height / 30), fill=(30, 60 + 20 * i, 150))
        for line in range(12):
            page.text((left + 10, top + height / 20 + 16 * line), f"{i}: line {line} of a window", fill="black")


def row(name: str, pixels: Any, most: int) -> Row:
    ways: dict[str, Callable[[], bytes]] = {"Pillow": partial(pillow, pixels)}
    if recording.installed("opencv-python-headless") or recording.installed("opencv-python"):
        ways["OpenCV"] = partial(opencv, pixels)
    ways["one thread"] = partial(_core.png_encode, pixels, chunks=[], threads=1)
    ways["threads"] = partial(_core.png_encode, pixels, chunks=[], threads=most)
    for way, encode in ways.items():
        with Image.open(io.BytesIO(encode())) as image:
            assert (np.asarray(image) == pixels).all(), way
    taken = in_turns({way: partial(timed_twice, encode) for way, encode in ways.items()}, TURNS)
    cpu = {way: min(times[0] for times in runs) for way, runs in taken.items()}
    elapsed = {way: min(times[1] for times in runs) for way, runs in taken.items()}
    size = {way: runs[0][2] for way, runs in taken.items()}
    return {
        "picture": name,
        "Pillow 1, ms": cpu["Pillow"],
        "OpenCV, ms": cpu.get("OpenCV"),
        "core, ms": cpu["one thread"],
        f"core, {most} threads, ms": elapsed["threads"],
        "times as fast as Pillow 1": cpu["Pillow"] / cpu["one thread"],
        f"with {most} threads": elapsed["Pillow"] / elapsed["threads"],
        "MB": size["one thread"] / 1e6,
        "size beside Pillow 1": size["one thread"] / size["Pillow"],
    }


def timed_twice(run: Callable[[], bytes]) -> tuple[float, float, int]:
    """Milliseconds of the processor and of the wall, and the size of the file."""
    cpu, start = time.process_time(), time.perf_counter()
    data = run()
    return (time.process_time() - cpu) * 1e3, (time.perf_counter() - start) * 1e3, len(data)


def pillow(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def opencv(pixels: Any) -> bytes:
    import cv2

    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(channels)
    return bytes(cv2.imencode(".png", pixels if order is None else cv2.cvtColor(pixels, order))[1])


if __name__ == "__main__":
    main()
