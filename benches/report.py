"""The kernels beside their rivals and the memory floor, in one process: a Markdown table, JSON and a plot on demand.

    python benches/report.py [--quick] [--json FILE] [--plot FILE.png]

RGB uint8 pictures and a 1024 x 1024 network; one thread, and two for the last column. All candidates take turns, so
that they meet the same load; figures are medians. Results are compared before anything is timed. Buffers are reused,
ours through `out=`; rivals that cannot reuse theirs do not. The floor is memcpy of the bytes that must move: the source
rows that the filter touches, once, and the result, once.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rivals
from numpy.typing import NDArray

from rmbg_fast import _core, ops, reference

MODEL = rivals.SIZE
SIZES = [(512, 512), (1080, 1920), (3000, 4000), (6000, 8000)]
PACKAGES = ("rmbg-fast", "numpy", "pillow", "opencv-python-headless", "cykooz-resizer")
Call = Callable[[], Any]


class Case(NamedTuple):
    """A kernel on one picture: ours with one and with two threads, the rivals, and the copies that the floor is."""

    kernel: str
    size: tuple[int, int]
    calls: dict[str, Call]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small picture, few rounds: to see that it runs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    sizes = [(270, 480)] if options.quick else SIZES
    rows = [measured(case, 3 if options.quick else 15) for size in sizes for case in cases(size)]
    facts = {
        "cpu": cpu(),
        "tier": _core.active_tier(),
        "versions": {name: found for name in PACKAGES if (found := installed(name))},
    }
    print(f"{facts['cpu']}; tier {facts['tier']}; " + ", ".join(f"{n} {v}" for n, v in facts["versions"].items()), "\n")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({**facts, "milliseconds": rows}, indent=1), encoding="utf-8")
    if options.plot:
        plot(rows, options.plot)


def cases(size: tuple[int, int]) -> list[Case]:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    mask = random.random(MODEL, np.float32)
    return [bilinear(image), triangle(image), cutout(image, mask)]


# --- what is compared


def bilinear(image: NDArray[Any]) -> Case:
    """IS-Net's input: 2 taps, truncated."""
    out = np.empty((1, 3, *MODEL), np.float32)

    def ours(threads: int) -> Any:
        return ops.preprocess(image, size=MODEL, rounding="truncate", out=out, threads=threads)

    check(ours(1), lambda: reference.preprocess(image, size=MODEL, rounding="truncate"), 0)
    calls = {"ours": lambda: ours(1), "2 threads": lambda: ours(2), "floor": floor(touched_rows(image), out)}
    if has_opencv():
        calls["OpenCV"] = lambda: rivals.opencv_preprocess(image)
        check(ours(1), calls["OpenCV"], 1.02 / 255 * 2)  # its fixed point, and our truncation
    return Case("preprocess, bilinear", image.shape[:2], calls)


def triangle(image: NDArray[Any]) -> Case:
    """Antialiased, rounded to levels."""
    out = np.empty((1, 3, *MODEL), np.float32)

    def ours(threads: int) -> Any:
        return ops.preprocess(image, size=MODEL, resample="triangle", rounding="nearest", out=out, threads=threads)

    def pillow_way() -> Any:
        return rivals.pillow_preprocess(image)

    check(ours(1), pillow_way, 1.02 / 255)
    calls = {"ours": lambda: ours(1), "2 threads": lambda: ours(2), "floor": floor(image, out), "Pillow": pillow_way}
    if resize := fast_image_resize(image):
        calls["fast_image_resize, resize alone"] = resize
    return Case("preprocess, antialiased", image.shape[:2], calls)


def cutout(image: NDArray[Any], mask: NDArray[Any]) -> Case:
    """Min-max, the mask to the picture's size, RGBA with zeroed colour."""
    out = np.empty((*image.shape[:2], 4), np.uint8)

    def ours(threads: int) -> Any:
        return ops.cutout(image, mask, out=out, threads=threads)

    check(ours(1), lambda: reference.cutout(image, mask), 0)
    calls = {"ours": lambda: ours(1), "2 threads": lambda: ours(2), "floor": floor(image, out)}
    if has_opencv():
        calls["OpenCV"] = lambda: rivals.opencv_cutout(image, mask)
        check(ours(1)[..., 3], lambda: rivals.opencv_cutout(image, mask)[..., 3], 1)
    return Case("min-max, mask, blend", image.shape[:2], calls)


def check(ours: NDArray[Any], theirs: Call, tolerance: float) -> None:
    apart = np.abs(ours.astype(np.float32) - np.asarray(theirs(), np.float32)).max()
    assert apart <= tolerance, f"{theirs}: {apart} apart"


def has_opencv() -> bool:
    """Whether it is there; with one thread then."""
    try:
        import cv2
    except ImportError:
        return False
    cv2.setNumThreads(1)
    return True


def fast_image_resize(image: NDArray[Any]) -> Call | None:
    try:
        import cykooz_resizer as fir
    except ImportError:
        return None
    source = fir.ImageData(image.shape[1], image.shape[0], fir.PixelType.U8x3, image.tobytes())
    target = fir.ImageData(MODEL[1], MODEL[0], fir.PixelType.U8x3)
    resizer = fir.Resizer()
    how = fir.ResizeOptions(resize_alg=fir.ResizeAlg.convolution(fir.FilterType.bilinear))
    return lambda: resizer.resize(source, target, how)


def touched_rows(image: NDArray[Any]) -> NDArray[Any]:
    """The rows that a resize with two taps reads."""
    height = image.shape[0]
    at = np.clip((np.arange(MODEL[0]) + 0.5) * height / MODEL[0] - 0.5, 0, height - 1)
    first = np.floor(at).astype(int)
    return np.ascontiguousarray(image[np.unique([first, np.minimum(first + 1, height - 1)])])


def floor(read: NDArray[Any], written: NDArray[Any]) -> Call:
    """memcpy of what is read, row by row to one place that stays in the cache, and of what is written."""
    row, copy = np.empty_like(read[0]), np.empty_like(written)

    def run() -> None:
        for each in read:
            np.copyto(row, each)
        copy.fill(1)

    return run


# --- how it is measured and shown


def measured(case: Case, rounds: int) -> dict[str, Any]:
    taken: dict[str, list[float]] = {name: [] for name in case.calls}
    for turn in range(rounds + 1):  # the first warms up
        for name, call in case.calls.items():
            start = time.perf_counter()
            call()
            if turn:
                taken[name].append((time.perf_counter() - start) * 1e3)
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    return {"kernel": case.kernel, "size": case.size, "medians": medians}


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| kernel | picture | ours, ms | times the floor | rivals take | 2 threads |", "| --- " * 6 + "|"]
    for row in rows:
        ms = row["medians"]
        rivals = [name for name in ms if name not in ("ours", "2 threads", "floor")]
        beside = ", ".join(f"{name} {ms[name] / ms['ours']:.2g}x" for name in rivals)
        height, width = row["size"]
        lines.append(
            f"| {row['kernel']} | {width} x {height} | {ms['ours']:.2f} | {ms['ours'] / ms['floor']:.2f} | "
            f"{beside} | {ms['ours'] / ms['2 threads']:.2f}x |"
        )
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib import pyplot

    _, axes = pyplot.subplots(figsize=(7, 4))
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        own = [row for row in rows if row["kernel"] == kernel]
        megapixels = [row["size"][0] * row["size"][1] / 1e6 for row in own]
        axes.plot(megapixels, [row["medians"]["ours"] / row["medians"]["floor"] for row in own], "o-", label=kernel)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="megapixels", ylabel="times the memory floor", ylim=(0, None))
    axes.legend()
    pyplot.savefig(path, dpi=110, bbox_inches="tight")


def cpu() -> str:
    names = Path("/proc/cpuinfo")
    found = [line.split(":")[1].strip() for line in names.read_text().splitlines() if line.startswith("model name")] \
        if names.is_file() else []  # fmt: skip
    return found[0] if found else platform.processor() or platform.machine()


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
