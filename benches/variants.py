"""The second part of the report: samples, channels and layouts of all kinds, per byte moved beside plain RGB."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import kernel_cases
import numpy as np
from kernel_cases import SIZE, touched
from tables import picture
from timing import Array, Call, medians

from rmbg_fast import ops, reference

Row = dict[str, Any]
SIZES = [(1080, 1920), (3000, 4000)]
PLAIN = "RGB, uint8"
A_PICTURE = object()
"""In the place of a background: a picture as large as the one that is cut out."""


class Variant(NamedTuple):
    """What is done to the plain picture, and options of the kernel."""

    change: Callable[[Array], Array] = lambda image: image
    options: dict[str, Any] = {}  # noqa: RUF012


def grey(image: Array) -> Array:
    return np.ascontiguousarray(image[..., 0])


def rgba(image: Array) -> Array:
    return np.concatenate([image, image[..., :1]], axis=2)


def wide(image: Array) -> Array:
    return image.astype(np.uint16) * 257


def cropped(image: Array) -> Array:
    """Of a picture that is 64 pixels larger on each side."""
    return np.pad(image, ((64, 64), (64, 64), (0, 0)))[64:-64, 64:-64]


def mirrored(image: Array) -> Array:
    return np.ascontiguousarray(image[:, ::-1])[:, ::-1]


def every_second(image: Array) -> Array:
    """Column of a picture twice as wide."""
    return np.repeat(image, 2, axis=1)[:, ::2]


def reversed_channels(image: Array) -> Array:
    return np.ascontiguousarray(image[..., ::-1])[..., ::-1]


def planes(image: Array) -> Array:
    """A view of three planes, as a tensor holds a picture."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)


LAYOUTS = {
    "a crop of a larger picture": Variant(cropped),
    "a mirrored view": Variant(mirrored),
    "uint16, a mirrored view": Variant(lambda image: mirrored(wide(image))),
    "every second column": Variant(every_second),
    "a view of BGR as RGB": Variant(reversed_channels),
    "a view of three planes": Variant(planes),
}
SAMPLES = {
    "grey": Variant(grey),
    "RGBA": Variant(rgba),
    "uint16": Variant(wide),
    "RGBA, uint16": Variant(lambda image: wide(rgba(image))),
}
INPUTS = {
    PLAIN: Variant(),
    **SAMPLES,
    "BGR": Variant(options={"bgr": True}),
    "float16 out": Variant(options={"dtype": "float16"}),
    "uint16, float16 out": Variant(wide, {"dtype": "float16"}),
    **LAYOUTS,
}
CUTOUTS = {
    PLAIN: Variant(),
    "premultiplied": Variant(options={"mode": "premultiplied"}),
    "over a colour": Variant(options={"background": (10, 200, 90)}),
    "over a picture": Variant(options={"background": A_PICTURE}),
    "binary": Variant(options={"threshold": 128}),
    **SAMPLES,
    "premultiplied, uint16": Variant(wide, {"mode": "premultiplied"}),
    "over a colour, uint16": Variant(wide, {"background": (10, 200, 90)}),
    "over a picture, uint16": Variant(wide, {"background": A_PICTURE}),
    **LAYOUTS,
}
MASKS = {
    "uint8": Variant(options={"dtype": "uint8"}),
    "uint16": Variant(options={"dtype": "uint16"}),
    "float32": Variant(options={"dtype": "float32"}),
}
MASK = kernel_cases.subject().nbytes
TRIANGLE = {"resample": "triangle", "rounding": "nearest"}


@dataclasses.dataclass(frozen=True)
class Family:
    """A kernel and its variants, the first of which is what the others are measured by."""

    kernel: str
    variants: dict[str, Variant]
    of: Callable[[Any, Array, dict[str, Any]], Call]
    """The call of a module, `ops` or `reference`, for a picture and options; it takes the option `out` too."""
    read: Callable[[Array], int]
    """The bytes that it reads of a picture."""
    small: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Options for the comparison with the reference, which takes its time."""


def preprocess(module: Any, image: Array, options: dict[str, Any]) -> Call:
    return partial(module.preprocess, image, **{"size": SIZE, **options})


def cutout(module: Any, image: Array, options: dict[str, Any]) -> Call:
    if options.get("background") is A_PICTURE:
        options = {**options, "background": image[::-1].copy()}
    return partial(module.cutout, image, kernel_cases.subject(), **options)


def mask(module: Any, image: Array, options: dict[str, Any]) -> Call:
    return partial(module.resize_mask, kernel_cases.subject(), image.shape[:2], **options)


FAMILIES = [
    Family(
        "preprocess, bilinear",
        INPUTS,
        lambda module, image, options: preprocess(module, image, {"rounding": "truncate", **options}),
        lambda image: len(touched(image.shape[0])) * row_bytes(image),
        {"size": (70, 90)},
    ),
    Family(
        "preprocess, antialiased",
        INPUTS,
        lambda module, image, options: preprocess(module, image, {**TRIANGLE, **options}),
        lambda image: image.shape[0] * row_bytes(image),
        {"size": (70, 90)},
    ),
    Family("min-max, mask, blend", CUTOUTS, cutout, lambda image: image.shape[0] * row_bytes(image) + MASK),
    Family("mask alone", MASKS, mask, lambda image: MASK),
]


def row_bytes(image: Array) -> int:
    """Those that the memory has to bring for a row of a view, the ones in between among them."""
    pixel = image.dtype.itemsize * (1 if image.ndim == 2 else image.shape[2])
    return int(max(abs(image.strides[1]), pixel) * image.shape[1])


def measure(*, quick: bool) -> list[Row]:
    rows = []
    for family in FAMILIES:
        check(family)
        for size in [(120, 160)] if quick else SIZES:
            rows += measured(family, kernel_cases.noise(size), 2 if quick else 15)
    return rows


def check(family: Family) -> None:
    small = kernel_cases.noise((90, 130))
    for name, variant in family.variants.items():
        image = variant.change(small)
        ours, wanted = (family.of(module, image, {**variant.options, **family.small})() for module in (ops, reference))
        assert np.array_equal(ours, wanted), f"{family.kernel}, {name}: not what the reference gives"


def measured(family: Family, plain: Array, rounds: int) -> list[Row]:
    calls, moved = {}, {}
    for name, variant in family.variants.items():
        image = variant.change(plain)
        out = family.of(ops, image, variant.options)()
        calls[name] = family.of(ops, image, {**variant.options, "out": out})
        behind = image.nbytes if variant.options.get("background") is A_PICTURE else 0
        moved[name] = family.read(image) + behind + out.nbytes
    ms = medians(calls, rounds)
    base = next(iter(family.variants))
    return [
        {
            "kernel": family.kernel,
            "variant": name,
            "picture": plain.shape[:2],
            "bytes": moved[name],
            "ms": ms[name],
            "per byte": (ms[name] / moved[name]) / (ms[base] / moved[base]),
        }
        for name in family.variants
    ]


def about(rows: list[Row]) -> str:
    return (
        "One thread, `out=`. MB are those that have to move: the source rows that the filter touches, with what lies "
        "between the pixels of a view, the mask, and the result. `per byte` is the time for each of them beside that "
        "of the first line."
    )


def tables(rows: list[Row]) -> dict[str, list[Row]]:
    made = {}
    for kernel in dict.fromkeys(row["kernel"] for row in rows):
        lines: dict[str, Row] = {}
        for row in rows:
            if row["kernel"] == kernel:
                line = lines.setdefault(row["variant"], {"variant": row["variant"]})
                size = picture(row["picture"])
                line |= {f"{size}: MB": row["bytes"] / 1e6, f"{size}: ms": row["ms"]}
                line[f"{size}: per byte"] = f"{row['per byte']:.2f}"
        made[kernel] = list(lines.values())
    return made
