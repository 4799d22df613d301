"""Pools and resizes of our own kernels against onnxruntime, and which resizes are left to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from rmbg_fast._graphs import onnx_graph, regions
from support.network_graphs import model, node, random
from support.network_runs import PRECISION, assert_close, by_runtime, compiled, graph_of


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [
        ([2, 2], [2, 2], [0, 0, 0, 0]),
        ([3, 3], [2, 2], [1, 1, 1, 1]),
        ([3, 3], [2, 2], [0, 0, 1, 1]),
        ([3, 2], [1, 3], [2, 1, 0, 1]),
        ([5, 5], [1, 1], [2, 2, 2, 2]),
        ([1, 1], [2, 2], [0, 0, 0, 0]),
    ],
)
def test_max_pools(kernel: list[int], strides: list[int], pads: list[int], ceil: int) -> None:
    """Of an input, and of a convolution that may do it on the way."""
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "ceil_mode": ceil}
    nodes = [
        node("MaxPool", "x", "p", **attributes),
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("MaxPool", "c", "q", **attributes),
        node("Relu", "c2", "r"),
        node("MaxPool", "r", "s", **attributes),
    ]
    nodes.insert(3, node("Conv", "x w", "c2", pads=[1, 1, 1, 1]))
    for height, width in [(5, 5), (6, 9), (21, 34), (30, 15)]:
        made = model(nodes, {"w": random(20, 18, 3, 3)}, {"x": [2, 18, height, width]}, ["p", "q", "s"])
        feeds = {"x": random(2, 18, height, width)}
        wanted = by_runtime(made, feeds)
        results = compiled(made).same_everywhere(feeds)
        assert np.array_equal(results["p"], wanted["p"])
        assert_close(results["q"], wanted["q"])
        assert_close(results["s"], wanted["s"])


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
BLENDS = ["linear", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
SIZES = [((7, 9), (14, 27)), ((7, 9), (16, 20)), ((12, 15), (5, 8)), ((12, 16), (6, 4)), ((5, 6), (5, 6)),
         ((1, 1), (6, 5)), ((6, 5), (1, 1)), ((11, 6), (5, 13))]  # fmt: skip
SCALES = [((7, 9), (2.0, 3.0)), ((7, 9), (2.25, 1.75)), ((12, 15), (0.5, 0.625)), ((11, 6), (0.375, 2.5)),
          ((5, 6), (1.0, 1.0)), ((1, 1), (4.0, 5.0))]  # fmt: skip
TIED_SIZES = [((20, 7), (46, 1)), ((7, 10), (19, 22)), ((14, 14), (4, 34)), ((7, 20), (34, 28)), ((7, 25), (58, 28))]
TIED_SCALES = [((7, 9), (2.3, 1.7)), ((12, 15), (0.5, 0.6)), ((11, 6), (0.4, 2.5))]


def resize_model(blend: str, coordinates: str, size: tuple[int, int], last: list[str], target: Any) -> ModelProto:
    """Blocks and planes resized to outputs, and blocks that a Winograd convolution samples on its way in."""
    attributes: dict[str, Any] = {"mode": "linear" if blend == "linear" else "nearest"}
    attributes["coordinate_transformation_mode"] = coordinates
    if blend != "linear":
        attributes["nearest_mode"] = blend
    by_size = isinstance(target[0], int)
    weights: dict[str, NDArray[Any]] = {"w": random(24, 20, 3, 3), "v": random(24, 3, 3, 3)}
    for name, channels in (("many", 20), ("few", 3)):
        weights[name] = np.array([1, channels, *target], np.int64) if by_size else np.array([1, 1, *target], np.float32)
    read = "- - {}" if by_size else "- {}"
    nodes = [
        node("Resize", f"x {read.format('many')}", "a", **attributes),
        node("Resize", f"z {read.format('few')}", "b", **attributes),
        node("Resize", f"x {read.format('many')}", "c", **attributes),
        node("Conv", "c w", "d", pads=[1, 1, 1, 1]),
        node("Resize", f"z {read.format('few')}", "e", **attributes),
        node("Conv", "e v", "f", pads=[1, 1, 1, 1]),
    ]
    made = model(nodes, weights, {"x": [1, 20, *size], "z": [1, 3, *size]}, last)
    onnx_graph.sweep(made.graph)
    return made


def is_taken(blend: str, coordinates: str, size: tuple[int, int], target: Any) -> bool:
    made = resize_model(blend, coordinates, size, ["a"], target)
    graph = graph_of(made)
    return regions._supported(graph, graph.nodes[0])


def check_resizes(blend: str, coordinates: str, cases: list[tuple[tuple[int, int], Any]]) -> None:
    for size, target in cases:
        if not is_taken(blend, coordinates, size, target):
            continue
        made = resize_model(blend, coordinates, size, ["a", "b", "d", "f"], target)
        feeds = {"x": random(1, 20, *size), "z": random(1, 3, *size)}
        wanted = by_runtime(made, feeds)
        results = compiled(made).run(feeds, threads=2)
        for name in wanted:
            assert results[name].shape == wanted[name].shape, (name, size, target)
            bound = PRECISION * np.abs(wanted[name]).max() if blend == "linear" or name in "df" else 0
            difference = float(np.abs(results[name] - wanted[name]).max())
            assert difference <= bound, (name, size, target)


@pytest.mark.parametrize("cases", [SIZES, SCALES], ids=["sizes", "scales"])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes(blend: str, coordinates: str, cases: Any) -> None:
    check_resizes(blend, coordinates, cases)


@pytest.mark.parametrize("cases", [TIED_SIZES, TIED_SCALES], ids=["sizes", "scales"])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes_whose_positions_are_rounded(blend: str, coordinates: str, cases: Any) -> None:
    """Positions at or beside a whole or a half pixel: which is the nearest is a matter of float32 arithmetic."""
    check_resizes(blend, coordinates, cases)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes_by_whole_factors_are_taken(blend: str, coordinates: str) -> None:
    for target in [(14, 27), (2.0, 3.0), (7, 9), (1.0, 1.0)]:
        assert is_taken(blend, coordinates, (7, 9), target)


@pytest.mark.parametrize("size", [(16, 20), (5, 4)])
def test_linear_resizes_to_any_size_are_taken(size: tuple[int, int]) -> None:
    assert is_taken("linear", "half_pixel", (7, 9), size)


@pytest.mark.parametrize(
    ("blend", "size", "target"),
    [
        ("linear", (8, 8), (1.05, 1.0)),  # the runtime copies what keeps its size, whatever the scale
        ("linear", (10, 10), (0.7, 0.7)),  # 7 with float32, 6.9999999 with float64
        ("floor", (7, 9), (19, 27)),  # which pixel is the nearest may hang on the last bit
        ("floor", (7, 9), (2.3, 2.0)),
    ],
)
def test_resizes_that_hang_on_rounding_are_left(blend: str, size: tuple[int, int], target: Any) -> None:
    assert not is_taken(blend, "asymmetric", size, target)


def test_convolution_samples_a_resized_input() -> None:
    made = compiled(resize_model("linear", "half_pixel", (9, 10), ["d"], (18, 27)))
    assert "resize" not in made.algorithms({"x": random(1, 20, 9, 10), "z": random(1, 3, 9, 10)})
    made.same_everywhere({"x": random(1, 20, 9, 10), "z": random(1, 3, 9, 10)})
