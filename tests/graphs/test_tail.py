"""1x1 convolutions that move before an enlargement: the same result, and what is nearly one is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from rmbg_fast._graphs.request import Request
from rmbg_fast._graphs.tail import move_before_resizes
from support.network_graphs import conv, model, node, ops, random
from support.network_runs import assert_close, by_runtime, compiled

SMALL, LARGE = (64, 70), (256, 260)
NETWORK = Request(0, network=True)


def ending(
    *, outputs: int = 1, kernel: int = 1, mode: str = "linear", activated: bool = False, axis: int = 1, also: str = ""
) -> ModelProto:
    """Two convolutions of a small map, enlarged, and of a large one; concatenated, and summed to a few channels."""
    pads = [kernel // 2] * 4
    nodes = [
        conv("x w b", "a"),
        *([node("Relu", "a", "a2")] if activated else []),
        node(
            "Resize",
            f"{'a2' if activated else 'a'} - - s",
            "r",
            mode=mode,
            coordinate_transformation_mode="align_corners",
        ),
        *(conv("z v", "c"), node("Concat", "r c", "j", axis=axis), conv("j u d", "y", pads=pads)),
    ]
    weights: dict[str, Any] = {"w": random(20, 6, 3, 3) / 7, "b": random(20), "v": random(9, 3, 3, 3) / 5,
                               "u": random(outputs, 29 if axis == 1 else 20, kernel, kernel) / 5, "d": random(outputs),
                               "s": np.array([1, 20, *LARGE])}  # fmt: skip
    return model(nodes, weights, {"x": [1, 6, *SMALL], "z": [1, 3, *LARGE]}, ["y", *also])


@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_it_moves(outputs: int, activated: bool) -> None:
    made = ending(outputs=outputs, activated=activated)
    feeds = {"x": random(1, 6, *SMALL), "z": random(1, 3, *LARGE)}
    wanted = by_runtime(made, feeds)["y"]
    move_before_resizes(made, NETWORK)
    kinds = ops(made)
    assert "Concat" not in kinds
    assert kinds.count("Conv") == (3 if activated else 2)  # without an activation it is a part of the one before
    assert_close(by_runtime(made, feeds)["y"], wanted)
    assert_close(compiled(made).same_everywhere(feeds)["y"], wanted)


LEFT: dict[str, dict[str, Any]] = {
    "many channels": {"outputs": 5},
    "a window": {"kernel": 3},
    "nearest pixels": {"mode": "nearest"},
    "read elsewhere": {"also": "j"},
    "enlarged and read elsewhere": {"also": "r"},
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left(name: str) -> None:
    made = ending(**LEFT[name])
    before = made.SerializeToString()
    move_before_resizes(made, NETWORK)
    assert made.SerializeToString() == before


def test_only_for_the_network() -> None:
    made = ending()
    before = made.SerializeToString()
    move_before_resizes(made, Request(0))
    assert made.SerializeToString() == before


def test_what_is_read_twice_is_not_merged() -> None:
    made = ending(also="c")
    feeds = {"x": random(1, 6, *SMALL), "z": random(1, 3, *LARGE)}
    wanted = by_runtime(made, feeds)
    move_before_resizes(made, NETWORK)
    assert ops(made).count("Conv") == 3
    for result, value in by_runtime(made, feeds).items():
        assert_close(value, wanted[result])
