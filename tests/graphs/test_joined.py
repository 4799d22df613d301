"""A 1x1 convolution of joined deformable ones is done by each of them: the same result, and nothing joined is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

from rmbg_fast._graphs.joined import split_joined
from rmbg_fast._graphs.request import Request
from support.network_graphs import Array, conv, model, node, ops, random
from support.network_runs import assert_close, by_runtime, compiled

NETWORK = Request(0, network=True)
SIZE = (21, 17)


def pyramid(
    sides: Sequence[int] = (1, 3),
    *,
    batch: int = 1,
    outputs: int = 20,
    window: int = 1,
    mode: str = "linear",
    plain: bool = False,
    mean: bool = True,
    early: bool = False,
    activated: bool = True,
    axis: int = 1,
    size: tuple[int, int] = SIZE,
    also: str = "",
) -> ModelProto:
    """Deformable convolutions of a map, perhaps a plain one and its enlarged mean, joined and summed."""
    nodes: list[NodeProto] = []
    weights: dict[str, Array] = {"g": random(40, 18, 1, 1), "p": random(40, 18, 3, 3) / 12}
    pooled = [
        *(node("GlobalAveragePool", "x", "h"), conv("h g", "l", pads=[0] * 4), node("Relu", "l", "n")),
        node("Resize", "n - - s", "q", mode=mode, coordinate_transformation_mode="align_corners"),
    ]
    parts = []
    if mean and early:
        nodes += pooled
    for number, side in enumerate(sides):
        around = {"kernel_shape": [side, side], "pads": [side // 2] * 4}
        weights[f"o{number}"] = random(2 * side * side, 18, side, side, seed=number) / np.float32(2 * side)
        weights[f"v{number}"] = random(40, 18, side, side, seed=number + 9) / np.float32(4 * side)
        nodes += [
            node("Conv", f"x o{number}", f"a{number}", **around),
            node("DeformConv", f"x v{number} a{number}", f"d{number}", **around),
            *([node("Relu", f"d{number}", f"r{number}")] if activated else []),
        ]
        parts.append(f"{'r' if activated else 'd'}{number}")
    if plain:
        nodes.append(conv("x p", "c"))
        parts.insert(1, "c")
    if mean:
        nodes += [] if early else pooled
        parts.append("q")
    weights |= {"s": np.array([batch, 40, *size]), "t": random(outputs, 40 * len(parts), window, window) / 12,
                "b": random(outputs)}  # fmt: skip
    nodes += [node("Concat", " ".join(parts), "j", axis=axis), conv("j t b", "u", pads=[window // 2] * 4)]
    nodes.append(node("Relu", "u", "y"))
    return model(nodes, weights, {"x": [batch, 18, *size]}, ["y", *also.split()], opset=19)


CASES: dict[str, dict[str, Any]] = {
    "as BiRefNet": {"sides": (1, 1, 3, 7)},
    "one": {"sides": (3,)},
    "no mean": {"mean": False},
    "the mean first": {"early": True},
    "without activations": {"activated": False},
    "with a plain one": {"plain": True},
    "a batch": {"batch": 3},
    "odd outputs": {"outputs": 33},
    "one row": {"size": (1, 13)},
    "one pixel": {"size": (1, 1)},
}


@pytest.mark.parametrize("name", CASES)
def test_each_is_convolved(name: str) -> None:
    made = pyramid(**CASES[name])
    feeds = {"x": random(*[dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim])}
    wanted = by_runtime(made, feeds)["y"]
    split_joined(made, NETWORK)
    assert "Concat" not in ops(made)
    assert_close(by_runtime(made, feeds)["y"], wanted)
    whole = compiled(made)
    assert_close(whole.same_everywhere(feeds)["y"], wanted)
    deformable = ops(made).count("DeformConv")
    kinds = whole.algorithms(feeds)
    assert kinds.count("deformable") == deformable
    assert kinds.count("add") == 0  # each adds what was summed before
    if name == "as BiRefNet":
        assert kinds.count("resize") == 0  # the mean is a bias


LEFT: dict[str, dict[str, Any]] = {
    "as many outputs": {"outputs": 70},
    "few outputs": {"outputs": 3},
    "a window": {"window": 3},
    "no deformable one": {"sides": (), "plain": True},
    "read elsewhere": {"also": "j"},
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left(name: str) -> None:
    made = pyramid(**LEFT[name])
    before = made.SerializeToString()
    split_joined(made, NETWORK)
    assert made.SerializeToString() == before
    if name != "no deformable one":
        feeds = {"x": random(1, 18, *SIZE)}
        assert_close(compiled(made).same_everywhere(feeds)["y"], by_runtime(made, feeds)["y"])


def test_what_is_joined_is_never_made() -> None:
    whole, split = pyramid(sides=(1, 1, 3, 3), size=(40, 40)), pyramid(sides=(1, 1, 3, 3), size=(40, 40))
    split_joined(split, NETWORK)
    feeds = {"x": random(1, 18, 40, 40)}
    joined = 5 * 48 * 40 * 40 * 4  # bytes: 5 maps of 40 channels, in blocks of 16
    assert compiled(whole).arena(feeds) > joined
    assert compiled(split).arena(feeds) < joined


def test_only_for_the_network() -> None:
    made = pyramid()
    before = made.SerializeToString()
    split_joined(made, Request(0))
    assert made.SerializeToString() == before


def test_what_is_read_twice_is_made() -> None:
    """A deformable convolution that somebody else reads, too, is made and convolved by itself."""
    made = pyramid(also="d0", activated=False)
    feeds = {"x": random(1, 18, *SIZE)}
    wanted = by_runtime(made, feeds)
    split_joined(made, NETWORK)
    assert "Concat" not in ops(made)
    results = compiled(made).same_everywhere(feeds)
    for name, value in wanted.items():
        assert_close(results[name], value)


def test_a_mean_of_a_deformable_one_stays_behind_it() -> None:
    made = pyramid()
    made.graph.node[[one.op_type for one in made.graph.node].index("GlobalAveragePool")].input[0] = "r1"
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    from onnx import numpy_helper

    weights["g"].CopyFrom(numpy_helper.from_array(random(40, 40, 1, 1) / 6, "g"))
    feeds = {"x": random(1, 18, *SIZE)}
    wanted = by_runtime(made, feeds)["y"]
    split_joined(made, NETWORK)
    assert_close(by_runtime(made, feeds)["y"], wanted)
    assert_close(compiled(made).same_everywhere(feeds)["y"], wanted)
