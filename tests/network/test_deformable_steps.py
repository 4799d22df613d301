"""Deformable convolutions and what stands around them in BiRefNet, by our own kernels, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

from rmbg_fast._graphs import regions
from support.network_graphs import Array, conv, model, node, ops, random
from support.network_runs import assert_close, by_reference, by_runtime, compiled, graph_of, prepared

OPSET = 19
WINDOWS: dict[str, dict[str, Any]] = {
    "3x3": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "1x1": {"kernel_shape": [1, 1]},
    "7x7": {"kernel_shape": [7, 7], "pads": [3, 3, 3, 3]},
    "odd": {"kernel_shape": [2, 4], "pads": [0, 3, 2, 1], "strides": [2, 1], "dilations": [1, 2]},
}


def size_of(window: dict[str, Any], height: int, width: int) -> list[int]:
    kernel, pads = window["kernel_shape"], window.get("pads", [0, 0, 0, 0])
    strides, dilations = window.get("strides", [1, 1]), window.get("dilations", [1, 1])
    sizes = zip((height, width), pads[:2], pads[2:], dilations, kernel, strides, strict=True)
    return [(size + a + b - step * (taps - 1) - 1) // hop + 1 for size, a, b, step, taps, hop in sizes]


@pytest.mark.parametrize("reach", [0.0, 1.0, 6.0, 1e9], ids=["still", "near", "far", "out"])
@pytest.mark.parametrize("name", WINDOWS)
def test_deformable_convolutions(name: str, reach: float) -> None:
    """On every tier and number of threads; some offsets are whole numbers, some put a sample on the very edge."""
    window = WINDOWS[name]
    taps = int(np.prod(window["kernel_shape"]))
    for masked, clamped, (height, width) in [(True, True, (9, 11)), (False, False, (17, 5))]:
        after = size_of(window, height, width)
        shapes = {"x": [2, 21, height, width], "o": [2, 2 * taps, *after], "m": [2, taps, *after]}
        weights = {"w": random(19, 21, *window["kernel_shape"]) / np.float32((21 * taps) ** 0.5), "b": random(19)}
        nodes = [node("DeformConv", "x w o b m" if masked else "x w o", "d", **window)]
        nodes += [node("Relu", "d", "y")] if clamped else []
        shapes = shapes if masked else {key: shapes[key] for key in "xo"}
        made = model(nodes, weights, shapes, ["y" if clamped else "d"], opset=OPSET)
        feeds = {key: random(*shape) for key, shape in shapes.items()}
        feeds["o"] *= np.float32(reach)
        feeds["o"].reshape(-1)[::5] = np.round(feeds["o"].reshape(-1)[::5])
        (result,) = compiled(made).same_everywhere(feeds).values()
        assert_close(result, *by_runtime(made, feeds).values())


def test_offsets_that_are_no_numbers_read_nothing() -> None:
    made = model([node("DeformConv", "x w o", "y", kernel_shape=[1, 1])], {"w": random(16, 16, 1, 1)},
                 {"x": [1, 16, 4, 4], "o": [1, 2, 4, 4]}, ["y"], opset=OPSET)  # fmt: skip
    feeds = {"x": random(1, 16, 4, 4), "o": np.zeros((1, 2, 4, 4), np.float32)}
    feeds["o"][0, :, 1] = [[np.nan, 0, np.inf, -np.inf], [0, np.nan, 0, 3e38]]
    (result,) = compiled(made).same_everywhere(feeds).values()
    assert np.all(result[0, :, 1] == 0)
    assert np.all(result[0, :, 2] != 0)


def test_sigmoids_gates_and_means() -> None:
    nodes = [
        *(conv("x w", "a"), node("Sigmoid", "a", "s"), node("Mul", "s two", "m")),
        node("DeformConv", "x v o - m", "d", kernel_shape=[4, 4], pads=[1, 1, 2, 2]),
        *(conv("d u", "e", pads=[0] * 4), node("Sigmoid", "e", "f"), node("Mul", "f d", "y")),
        *(node("GlobalAveragePool", "d", "g"), conv("g t", "z", pads=[0] * 4)),
    ]
    weights = {"w": random(16, 20, 3, 3), "v": random(37, 20, 4, 4) / 12, "u": random(1, 37, 1, 1),
               "t": random(8, 37, 1, 1), "two": np.array(2, np.float32)}  # fmt: skip
    made = model(nodes, weights, {"x": [2, 20, 13, 10], "o": [2, 32, 13, 10]}, ["y", "z"], opset=OPSET)
    feeds = {"x": random(2, 20, 13, 10), "o": random(2, 32, 13, 10)}
    results, wanted = compiled(made).same_everywhere(feeds), by_runtime(made, feeds)
    assert_close(results["y"], wanted["y"])
    assert_close(results["z"], wanted["z"])


def pyramid(batch: Any = 1) -> ModelProto:
    """Deformable convolutions of three windows and a mean, joined, as the decoder of BiRefNet has them, and a gate."""
    nodes: list[NodeProto] = [conv("x w", "i"), node("Relu", "i", "r")]
    weights: dict[str, Array] = {"w": random(32, 3, 3, 3) / 5, "two": np.array(2, np.float32)}
    parts = []
    for size in (1, 3, 7):
        around = {"kernel_shape": [size, size], "pads": [size // 2] * 4}
        for kind, channels in (("o", 2 * size * size), ("k", size * size), ("v", 96)):
            weights[f"{kind}{size}"] = random(channels, 32, size, size, seed=size) / np.float32(6 * size)
        nodes += [
            *(node("Conv", f"r o{size}", f"a{size}", **around), node("Conv", f"r k{size}", f"b{size}", **around)),
            *(node("Sigmoid", f"b{size}", f"c{size}"), node("Mul", f"two c{size}", f"m{size}")),
            node("DeformConv", f"r v{size} a{size} - m{size}", f"d{size}", **around),
            node("Relu", f"d{size}", f"p{size}"),
        ]
        parts.append(f"p{size}")
    weights |= {
        "g": random(96, 32, 1, 1),
        "j": random(16, 384, 1, 1) / 18,
        "u": random(1, 16, 1, 1),
        "e": random(3, 16, 1, 1),
    }
    sizes = {"sizes": np.array([1, 96, 26, 22])}
    nodes += [
        *(node("GlobalAveragePool", "r", "h"), node("Conv", "h g", "l"), node("Relu", "l", "n")),
        node("Resize", "n - - sizes", "q", mode="linear", coordinate_transformation_mode="align_corners"),
        *(node("Concat", f"{' '.join(parts)} q", "s", axis=1), node("Conv", "s j", "t"), node("Relu", "t", "z")),
        *(
            node("Conv", "z u", "f"),
            node("Sigmoid", "f", "c"),
            node("Mul", "z c", "gated"),
            node("Conv", "gated e", "y"),
        ),
    ]
    return model(nodes, {**weights, **sizes}, {"x": [batch, 3, 26, 22]}, ["y"], opset=OPSET)


def test_a_pyramid_is_one_network(tmp_path: Path) -> None:
    made = pyramid()
    ready = prepared(tmp_path, made)
    assert ops(ready) == ["Network"]
    feeds = {"x": random(1, 3, 26, 22)}
    wanted = by_runtime(made, feeds)["y"]
    assert np.ptp(wanted) > 0.1
    assert_close(by_reference(ready, feeds)["y"], wanted)


BLOCKS = {"x": [1, 16, 9, 9], "o": [1, 18, 9, 9], "m": [1, 9, 9, 9], "g": [1, 1, 9, 9], "c": [1, 16, 1, 1]}
WINDOW = WINDOWS["3x3"]
LEFT: dict[str, list[NodeProto]] = {
    "groups": [node("DeformConv", "x half o", "y", group=2, **WINDOW)],
    "groups of offsets": [node("Concat", "o o", "oo", axis=1),
                          node("DeformConv", "x w oo", "y", offset_group=2, **WINDOW)],
    "computed weights": [node("Neg", "w", "v"), node("DeformConv", "x v o", "y", **WINDOW)],
    "a mask's sigmoid": [conv("x w", "a"), node("Sigmoid", "a", "y")],
    "a sigmoid read elsewhere": [node("Sigmoid", "m", "s"), node("DeformConv", "x w o - s", "d", **WINDOW),
                                 node("Neg", "s", "y")],
    "a gate by each channel": [node("Mul", "x c", "y")],
    "a product of two maps": [node("Mul", "x x", "y")],
    "a number that is no factor": [node("Mul", "x two", "y")],
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left(name: str) -> None:
    nodes = LEFT[name]
    weights = {**{"w": random(16, 16, 3, 3), "half": random(16, 8, 3, 3)}, "two": np.array(2, np.float32)}
    made = model(nodes, weights, BLOCKS, ["y"], opset=OPSET)
    graph = graph_of(made)
    asked = {"DeformConv", "Mul", "Sigmoid"} if name != "a sigmoid read elsewhere" else {"Sigmoid"}
    assert not any(regions._supported(graph, one) for one in graph.nodes if one.op_type in asked)
