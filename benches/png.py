"""PNG files: time and size beside Pillow's levels 1 and 6 and OpenCV, pixels compared first.

    python benches/png.py [PHOTO ...] [--threads N] [--megapixels M] [--save MACHINE]

Without photos those of scikit-image, enlarged, with some noise. CPU time and elapsed time, the best of three.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import recording
from PIL import Image
from timing import in_turns

from rmbg_fast import _core


def pictures(photos: list[Path], megapixels: float) -> dict[str, Any]:
    rng, found = np.random.default_rng(0), {}
    if photos:
        opened = {path.name: Image.open(path).convert("RGB") for path in photos}
    else:
        import skimage.data

        opened = {name: Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "coffee", "chelsea")}
    for name, image in opened.items():
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = (round(image.width * scale), round(image.height * scale))
        rgb = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).astype(np.float32)
        if not photos:
            rgb += rng.normal(0, 2, rgb.shape)
        rgba = np.dstack([rgb.clip(0, 255).astype(np.uint8), np.full(size[::-1], 255, np.uint8)])
        found[f"{name}, full"] = rgba
        for covered in (0.39, 0.19):
            yy, xx = np.ogrid[-0.5 : 0.5 : size[1] * 1j, -0.5 : 0.5 : size[0] * 1j]
            soft = ((covered / np.pi) ** 0.5 - np.hypot(yy, xx)) * 200 + 0.5
            cut = rgba.copy()
            cut[..., 3] = soft.clip(0, 1) * 255
            cut[cut[..., 3] == 0] = 0
            found[f"{name}, {covered:.0%}"] = cut
    return found


def pillow(pixels: Any, level: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=level)
    return file.getvalue()


def opencv(pixels: Any) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))[1])


def best(run: Callable[[], bytes], times: int) -> tuple[float, float, bytes]:
    """Milliseconds of the processor and of the wall, the least of each, and the file."""

    def timed_twice() -> tuple[float, float, bytes]:
        cpu, start = time.process_time(), time.perf_counter()
        data = run()
        return (time.process_time() - cpu) * 1e3, (time.perf_counter() - start) * 1e3, data

    taken = in_turns({"": timed_twice}, times)[""]
    return min(t[0] for t in taken), min(t[1] for t in taken), taken[0][2]


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--megapixels", type=float, default=12)
    args = parser.parse_args()
    run = recording.Run("png", quick=args.quick)
    for name, pixels in pictures(args.photos, 0.1 if args.quick else args.megapixels).items():
        run.show(name, measured(pixels, args.threads))
    run.save(args.save)


def measured(pixels: Any, most: int) -> list[dict[str, Any]]:
    ways: dict[str, tuple[Callable[[], bytes], int]] = {
        "Pillow, level 1": (lambda: pillow(pixels, 1), 2),
        "Pillow, level 6": (lambda: pillow(pixels, 6), 1),
        "OpenCV": (lambda: opencv(pixels), 2),
    }
    for threads in sorted({1, most}):
        encode = partial(_core.png_encode, pixels, chunks=[], threads=threads)
        ways[f"rmbg-fast, threads: {threads}"] = (encode, 3)
    rows: list[dict[str, Any]] = []
    for way, (encode, times) in ways.items():
        cpu, elapsed, data = best(encode, times)
        with Image.open(io.BytesIO(data)) as image:
            assert (np.asarray(image) == pixels).all(), way
        row = {"by": way, "processor, ms": cpu, "elapsed, ms": elapsed, "MB": len(data) / 1e6}
        first = rows[0] if rows else row
        times_as_fast, size = first["elapsed, ms"] / elapsed, row["MB"] / first["MB"]
        rows.append({**row, "times as fast as Pillow 1": times_as_fast, "size beside Pillow 1": f"{size:.3f}"})
    return rows


if __name__ == "__main__":
    main()
