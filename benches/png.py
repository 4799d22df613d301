"""PNG files: time and size beside Pillow's levels 1 and 6 and OpenCV, pixels compared first.

    python benches/png.py [PHOTO ...] [--threads N] [--megapixels M]

Without photos those of scikit-image, enlarged, with some noise. CPU time and elapsed time, the best of three.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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
    taken = []
    for _ in range(times):
        cpu, start = time.process_time(), time.perf_counter()
        data = run()
        taken.append((time.process_time() - cpu, time.perf_counter() - start))
    return min(t[0] for t in taken) * 1e3, min(t[1] for t in taken) * 1e3, data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--megapixels", type=float, default=12)
    args = parser.parse_args()
    for name, pixels in pictures(args.photos, args.megapixels).items():
        ways: dict[str, tuple[Callable[[], bytes], int]] = {
            "Pillow 1": (lambda pixels=pixels: pillow(pixels, 1), 2),
            "Pillow 6": (lambda pixels=pixels: pillow(pixels, 6), 1),
            "OpenCV": (lambda pixels=pixels: opencv(pixels), 2),
        }
        for threads in sorted({1, args.threads}):
            ways[f"core, {threads}"] = (
                lambda pixels=pixels, threads=threads: _core.png_encode(pixels, chunks=[], threads=threads), 3,
            )  # fmt: skip
        first: tuple[float, float, int] | None = None
        for way, (run, times) in ways.items():
            with Image.open(io.BytesIO(run())) as image:
                assert (np.asarray(image) == pixels).all(), way
            cpu, elapsed, data = best(run, times)
            first = first or (cpu, elapsed, len(data))
            print(
                f"{name:20} {way:9} CPU {cpu:8.1f} ms ({first[0] / cpu:5.1f}x)  elapsed {elapsed:8.1f} ms "
                f"({first[1] / elapsed:5.1f}x)  {len(data) / 1e6:6.2f} MB ({len(data) / first[2]:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
