"""Foreground colours: how near the true ones, and how long it takes, beside pymatting's `estimate_foreground_ml`.

    python benches/foreground.py [--quick] [--save MACHINE]

Composites of a known foreground over another background, with an alpha of soft edges and hairs. The error is the mean
absolute one of all channels, in grey levels of 255, over pixels that are neither opaque nor transparent, weighted with
alpha: what the eye sees before a new background. "nothing done" is the composite itself. "noise" has a standard
deviation of 5 grey levels; "blurred alpha" is what the methods are given in place of the true one, over 1.5 pixels.
Times are of one thread, interleaved, medians; pymatting is given the float32 arrays that it works on. `--quick`
measures little, to see that it runs.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

os.environ["NUMBA_NUM_THREADS"] = "1"  # before pymatting is imported

import numpy as np
import recording
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from pymatting import estimate_foreground_ml
from skimage import data
from timing import medians

from rmbg_fast import ops, reference

Array = NDArray[Any]
SIZES = {"1 MP": (1000, 1000), "12 MP": (3000, 4000)}
PHOTOS = [("astronaut", "coffee"), ("cat", "rocket"), ("coffee", "astronaut"), ("rocket", "cat")]


class Scene(NamedTuple):
    front: Array
    alpha: Array  # what the methods are given
    image: Array
    soft: Array


def main() -> None:
    options = recording.parser(__doc__).parse_args()
    run = recording.Run("foreground", quick=options.quick)
    small = scene(smooth((90, 120), 1), smooth((90, 120), 2), hair((90, 120)))
    assert np.array_equal(
        ops.estimate_foreground(small.image, small.alpha), reference.estimate_foreground(small.image, small.alpha)
    )
    size = (200, 300) if options.quick else SIZES["1 MP"]
    sizes = {"0.06 MP": size} if options.quick else SIZES
    run.show("errors", [quality(name, made) for name, made in scenes(size, quick=options.quick).items()])
    run.show("times", [row for name, size in sizes.items() for row in speed(name, size, 1 if options.quick else 7)])
    run.save(options.save)


def scenes(size: tuple[int, int], *, quick: bool) -> dict[str, Scene]:
    alpha = hair(size)
    made = {f"smooth {i}": scene(smooth(size, 2 * i), smooth(size, 2 * i + 1), alpha) for i in range(1 if quick else 3)}
    for front, behind in PHOTOS[: 1 if quick else None]:
        made[f"{front} before {behind}"] = scene(photo(front, size), photo(behind, size), alpha)
    first = made["smooth 0"]
    noise = np.random.default_rng(0).normal(0, 5, first.image.shape)
    made["smooth 0, noise"] = first._replace(image=np.rint(np.clip(first.image + noise, 0, 255)).astype(np.uint8))
    blurred = np.asarray(Image.fromarray(alpha).filter(ImageFilter.GaussianBlur(1.5)))
    made["smooth 0, blurred alpha"] = first._replace(alpha=blurred)
    return made


def scene(front: Array, behind: Array, alpha: Array) -> Scene:
    share = alpha[..., None] / np.float32(255)
    image = np.rint(front * share + behind * (1 - share)).astype(np.uint8)
    return Scene(front, alpha, image, (alpha > 0) & (alpha < 255))


def smooth(size: tuple[int, int], seed: int) -> Array:
    """Colours that change slowly: 8 x 8 random ones, enlarged."""
    grid = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8))
    return np.asarray(grid.resize(size[::-1], Image.Resampling.BICUBIC))


def photo(name: str, size: tuple[int, int]) -> Array:
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))


def hair(size: tuple[int, int], strands: int = 1500) -> Array:
    """A head with a soft edge, and thin curved hairs, most of them short, that stand off from it."""
    random = np.random.default_rng(0)
    height, width = size
    head, hairs = (Image.new("L", (2 * width, 2 * height)) for _ in range(2))
    centre, radius = np.array([width, height]), 0.6 * min(size)
    ImageDraw.Draw(head).ellipse([*(centre - radius), *(centre + radius)], fill=255)
    draw = ImageDraw.Draw(hairs)
    thick = max(2, min(size) // 300)
    for _ in range(strands):
        reach = 0.95 + np.linspace(0, 1, 12) * min(0.5, random.exponential(0.12))
        turn = random.uniform(0, 2 * np.pi) + random.normal(0, 0.7) * np.maximum(reach - 1, 0) ** 1.2
        points = centre + radius * reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        draw.line([tuple(point) for point in points], fill=int(random.integers(130, 256)), width=thick)
    soft = head.filter(ImageFilter.GaussianBlur(min(size) / 100))
    thin = hairs.filter(ImageFilter.GaussianBlur(max(1.0, min(size) / 700)))
    return np.asarray(ImageChops.lighter(soft, thin).reduce(2))


def quality(name: str, made: Scene) -> dict[str, Any]:
    front, alpha, image, soft = made
    weight = alpha[soft].astype(np.float64)[:, None]

    def error(colours: Array) -> float:
        return float(
            np.average(np.abs(colours[soft] - front[soft].astype(np.float64)), weights=weight.repeat(3, axis=1))
        )

    return {
        "scene": name,
        "soft pixels, %": float(soft.mean() * 100),
        "nothing done": error(image.astype(np.float64)),
        "ours": error(ops.estimate_foreground(image, alpha).astype(np.float64)),
        "ours, radii (90, 12, 3)": error(ops.estimate_foreground(image, alpha, radii=(90, 12, 3)).astype(np.float64)),
        "pymatting": error(estimate_foreground_ml(image / 255, alpha / 255) * 255),
    }


def speed(name: str, size: tuple[int, int], rounds: int) -> list[dict[str, Any]]:
    alphas = {"hair": hair(size), "all pixels soft": np.random.default_rng(0).integers(1, 255, size, np.uint8)}
    rows = []
    for kind, alpha in alphas.items():
        image = scene(smooth(size, 1), smooth(size, 2), alpha).image
        wide, wide_alpha = image.astype(np.uint16) * 257, alpha.astype(np.uint16) * 257
        exact, exact_alpha = (values / np.float32(255) for values in (image, alpha))
        out, wide_out = np.empty_like(image), np.empty_like(wide)
        taken = medians(
            {
                "8 bits, ms": lambda: ops.estimate_foreground(image, alpha, out=out, threads=1),  # noqa: B023
                "16 bits, ms": lambda: ops.estimate_foreground(wide, wide_alpha, out=wide_out, threads=1),  # noqa: B023
                "pymatting, ms": lambda: estimate_foreground_ml(exact, exact_alpha),  # noqa: B023
            },
            rounds,
        )
        ratio = taken["pymatting, ms"] / taken["8 bits, ms"]
        rows.append({"picture": name, "alpha": kind, **taken, "pymatting / 8 bits": ratio})
    return rows


if __name__ == "__main__":
    main()
