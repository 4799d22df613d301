"""How far our results lie from the official code's, recipe by recipe: the table of docs/models.md.

    python benches/recipes.py [--quick]

Needs torch and scikit-image. `tests/support/official.py` is the official code; in float32, as the authors run it, and
in float64. Photos go through the real IS-Net, whose output stands for every network's: the other networks' weights are
not needed to compare what is done before and after them. Random pictures of odd sizes and random masks are the worst
case.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from rmbg_fast import models
from rmbg_fast._graphs import prepare
from rmbg_fast._quantize.calibration import feed
from rmbg_fast._runtime import library

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support import official
from support.masks import mask_of

CASES = {
    "rmbg-1.4": "rmbg-1.4",
    "rmbg-1.4-pipeline": "rmbg-1.4",
    "isnet": "isnet-general-use",
    "rmbg-2.0": "rmbg-2.0",
    "birefnet": "birefnet-general",
    "birefnet-inference": "birefnet-general",
    "u2net": "u2net",
    "browser-guide": "rmbg-1.4",
    "rust": "rmbg-2.0",
    "rembg": "u2net",
    "rembg-2.0.63": "isnet-general-use",
}
ODD = [(1, 9), (97, 301), (301, 203), (333, 777), (720, 1281), (2001, 1333)]


def photos(quick: bool) -> dict[str, np.ndarray]:
    from PIL import Image
    from skimage import data

    shipped = {name: getattr(data, name)() for name in ("chelsea", "astronaut", "coffee", "rocket")}
    if quick:
        return {"astronaut": shipped["astronaut"]}
    large = np.asarray(Image.fromarray(shipped["astronaut"]).resize((4000, 3000), Image.Resampling.BICUBIC))
    return {**shipped, "portrait": np.ascontiguousarray(shipped["coffee"][:, 150:350]), "12 MP": large}


class Spread:
    """The largest and the mean difference over many arrays."""

    def __init__(self) -> None:
        self.largest, self.total, self.count, self.above = 0.0, 0.0, 0, 0

    def add(self, ours: np.ndarray, theirs: np.ndarray, *, level: float = 0.0) -> None:
        off = np.abs(ours.astype(np.float64) - theirs)
        self.largest = max(self.largest, float(off.max()))
        self.total += float(off.sum())
        self.count += off.size
        self.above += int((off > level).sum())

    @property
    def mean(self) -> float:
        return self.total / max(self.count, 1)


def isnet_planes(pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The real network's output for each photo, by ONNX Runtime."""
    import onnxruntime

    library.load()
    spec = models.get("isnet-general-use")
    graph = prepare.prepare(models.ensure(spec), output=spec.output)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return {key: session.run(None, {name: feed(spec, image)})[0][0, 0] for key, image in pictures.items()}


def logits(plane: np.ndarray) -> np.ndarray:
    clipped = np.clip(plane.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one photo, a few random pictures")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(0)
    pictures = photos(quick)
    real = isnet_planes(pictures)
    noise = {size: rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in (ODD[:3] if quick else ODD)}
    noise_plane = rng.random((1024, 1024), np.float32)
    print("| recipe | input, from float64 | input, from float32 | mask of photos: largest, mean | mask of noise |")
    print("| --- | --- | --- | --- | --- |")
    for recipe, model in CASES.items():
        spec = models.get(model).with_recipe(recipe)
        theirs = official.RECIPES[recipe]
        exact, single, soft, hard = Spread(), Spread(), Spread(), Spread()
        for image in (*pictures.values(), *noise.values()):
            if recipe == "u2net" and min(image.shape[:2]) < 320:
                continue
            ours = feed(spec, image)
            exact.add(ours, theirs.prepare(image, spec.size, torch.float64).numpy())
            single.add(ours, theirs.prepare(image, spec.size, torch.float32).numpy(), level=1e-5)
        for key, image in pictures.items():
            plane = logits(real[key]) if theirs.logits else real[key]
            soft.add(mask_of(plane, spec, image.shape[:2]), theirs.finish(plane, image.shape[:2], torch.float32))
        for size in noise:
            plane = logits(noise_plane) if theirs.logits else noise_plane
            hard.add(mask_of(plane, spec, size), theirs.finish(plane, size, torch.float32))
        print(
            f"| `{recipe}` | {exact.largest:.1e} | {single.above / single.count * 1e6:.0f} per million, "
            f"{single.largest:.1e} | {soft.largest:.0f}, {soft.mean:.1e} | {hard.largest:.0f}, {hard.mean:.1e} |"
        )


if __name__ == "__main__":
    main()
