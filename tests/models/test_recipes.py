"""Every recipe against the official code around the network (official.py), run with torch and Pillow.

In float64, so that what is compared is the recipe and not the rounding of torch's float32 source coordinates;
docs/models.md has how far the authors' own float32 lies from that, and ours from both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from rmbg_fast import ModelSpec, models, ops
from rmbg_fast._quantize.calibration import feed
from rmbg_fast.models import recipes
from support.masks import mask_of

torch = pytest.importorskip("torch")

from support import official  # noqa: E402

SIDE = 64  # of the network here: photos are shrunk by as much as 12 MP are to 1024
CASES = {  # recipe: (the official code's name, the model whose row it goes with)
    "rmbg-1.4": ("rmbg-1.4", "rmbg-1.4"),
    "rmbg-1.4-pipeline": ("rmbg-1.4-pipeline", "rmbg-1.4"),
    "isnet": ("isnet", "isnet-general-use"),
    "rmbg-2.0": ("rmbg-2.0", "rmbg-2.0"),
    "birefnet": ("birefnet", "birefnet-general"),
    "birefnet-inference": ("birefnet-inference", "birefnet-general"),
    "u2net": ("u2net", "u2net"),
    "browser-guide": ("browser-guide", "rmbg-1.4"),
    "rust": ("rust", "rmbg-2.0"),
    "rembg": ("rembg/u2net", "u2net"),
    "rembg of IS-Net": ("rembg/isnet", "isnet-general-use"),
    "rembg of BiRefNet": ("rembg/birefnet", "birefnet-general"),
    "rembg-2.0.63": ("rembg-2.0.63", "isnet-general-use"),
}
SIZES = [(1, 1), (1, 77), (90, 1), (31, 47), (64, 64), (127, 83), (97, 301), (300, 451), (512, 512)]


def row(case: str) -> tuple[official.Official, ModelSpec]:
    name, model = CASES[case]
    return official.RECIPES[name], models.get(model).with_recipe(case.split(" ")[0])


def test_every_recipe_is_held_to_something() -> None:
    assert {case.split(" ")[0] for case in CASES} == set(recipes.names())


def pictures(size: tuple[int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(size[0] * 1000 + size[1])
    height, width = size
    photo = {(300, 451): data.chelsea(), (512, 512): data.astronaut()}.get(size)
    soft = np.add.outer(np.linspace(0, 200, height), np.linspace(3, 50, width))[..., None] + rng.integers(0, 5, 3)
    return {
        "photo": soft.astype(np.uint8) if photo is None else photo,
        "noise": rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        "dark": rng.integers(0, 40, (*size, 3), dtype=np.uint8),
        "white": np.full((*size, 3), 255, np.uint8),
    }


def prepared(image: np.ndarray, spec: ModelSpec) -> np.ndarray:
    return feed(replace(spec, size=(SIDE, SIDE)), image)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_the_network_s_input(tier: str, case: str, size: tuple[int, int]) -> None:
    theirs, spec = row(case)
    for kind, image in pictures(size).items():
        if case == "u2net" and min(size) < SIDE and kind != "white":
            continue  # theirs mixes the outermost pixels with black from beyond the edge, ours repeats the edge
        wanted = theirs.prepare(image, (SIDE, SIDE), torch.float64).numpy()
        tensor = prepared(image, spec)
        rgba = np.dstack([image, image[..., :1]])
        assert np.array_equal(prepared(rgba, spec), tensor), "alpha is left out, as by PIL's convert('RGB')"
        grey = np.ascontiguousarray(image[..., 0])
        assert np.array_equal(prepared(grey, spec), prepared(np.dstack([grey] * 3), spec))
        off = np.abs(tensor - wanted)
        level = 1 / 255 / min(spec.std) * (255 / max(image.max(), 1) if spec.divide_by_max else 1)
        if case in ("browser-guide", "rust"):  # ties to even, and weights of 14 bits: a level here and there
            assert off.max(initial=0) <= level * 1.001, kind
            assert (off > 1e-6).mean() < 0.05, kind
        else:
            assert off.max(initial=0) <= 2e-6 if spec.divide_by_max else off.max(initial=0) <= 1e-6, kind


def planes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    soft = 1 / (1 + np.exp(40 * (np.hypot(y - 0.5, x - 0.45) - 0.3)))
    return {
        "soft": np.clip(soft + rng.normal(0, 0.003, soft.shape), 0, 1).astype(np.float32),
        # Of 0 and 1 alone: on a plateau of another value the authors' own rounding makes 254 or 255, by chance.
        "hard": (soft > 0.5).astype(np.float32),
        "noise": rng.random((SIDE, SIDE), np.float32),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_the_mask(tier: str, case: str, size: tuple[int, int]) -> None:
    theirs, spec = row(case)
    if spec.minmax == "after" and size == (1, 1):
        pytest.skip("one pixel alone has no range: the official code divides by zero")
    for kind, plane in planes().items():
        if theirs.logits:
            plane = np.log((plane + 1e-4) / (1 + 1e-4 - plane)).astype(np.float32)
        wanted = theirs.finish(plane, size, torch.float64)
        off = np.abs(mask_of(plane, spec, size).astype(int) - wanted)
        assert off.max() <= 1, kind
        assert off.mean() <= 0.05, kind


@pytest.mark.parametrize("case", CASES)
def test_masks_of_more_bits_say_the_same(case: str) -> None:
    """uint16 and float32 are enlarged in float: within what 8 bits, and the 8-bit steps before, can tell."""
    _, spec = row(case)
    plane = planes()["soft"]
    if spec.activation == "sigmoid":
        plane = np.log((plane + 1e-4) / (1 + 1e-4 - plane)).astype(np.float32)
    levels = mask_of(plane, spec, (97, 301)) / 255
    for dtype, top in (("uint16", 65535), ("float32", 1)):
        deep = mask_of(plane, spec, (97, 301), dtype) / top
        assert np.abs(deep - levels).max() < 4 / 255
        assert len(np.unique(deep)) > 1000 or spec.mask_resample == "nearest"


@pytest.mark.parametrize("case", CASES)
def test_an_opaque_subject_stays_opaque(case: str) -> None:
    _, spec = row(case)
    plane = np.zeros((SIDE, SIDE), np.float32)
    plane[16:48, 16:48] = 1
    plane = np.where(plane > 0, 20, -20).astype(np.float32) if spec.activation == "sigmoid" else plane
    for dtype, top in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        mask = mask_of(plane, spec, (97, 301), dtype)
        assert mask[40:58, 120:180].min() == pytest.approx(top, abs=0 if dtype != "float32" else 1e-6)
        assert mask[:10].max() == pytest.approx(0, abs=1e-6)


def test_rembg_s_cut_out() -> None:
    image = pictures((127, 83))["noise"]
    mask = np.random.default_rng(1).integers(0, 256, (127, 83), dtype=np.uint8)
    np.testing.assert_array_equal(ops.blend(image, mask, mode="premultiplied"), official.rembg_cutout(image, mask))
