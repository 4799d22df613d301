"""Two convolutions in a row as one: the same result at the border too, and what is nearly such a pair is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto

from rmbg_fast._graphs import composed
from support.network_graphs import conv, model, node, ops, random
from support.network_runs import assert_close, by_reference, by_runtime, compiled, graph_of, prepared


def pair(
    size: tuple[int, int] = (9, 14),
    *,
    batch: int = 1,
    channels: int = 3,
    between: int = 64,
    outputs: int = 1,
    window: int = 3,
    pads: tuple[int, int, int, int] = (1, 1, 1, 1),
    last: dict[str, Any] | None = None,
    activated: bool = False,
    behind: str = "",
    also: str = "",
) -> ModelProto:
    """A picture, `between` channels of it, and few channels of those; biases are far from 0, or the border hides."""
    nodes = [conv("x w b", "a", pads=pads), *([node("Relu", "a", "a2")] if activated else [])]
    nodes.append(conv(f"{'a2' if activated else 'a'} v d", "c" if behind else "y", **(last or {})))
    if behind:
        nodes.append(node(behind, "c", "y"))
    weights = {"w": random(between, channels, window, window) / (3 * window), "b": random(between) + 2,
               "v": random(outputs, between, 3, 3, seed=1) / 8, "d": random(outputs)}  # fmt: skip
    return model(nodes, weights, {"x": [batch, channels, *size]}, ["y", *also.split()])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    batch=st.integers(1, 2),
    channels=st.integers(1, 4),
    outputs=st.integers(1, 4),
    window=st.sampled_from([1, 3, 5]),
    behind=st.sampled_from(["", "Relu"]),
)
def test_pairs_of_any_size(
    size: tuple[int, int], batch: int, channels: int, outputs: int, window: int, behind: str
) -> None:
    """On every tier, against onnxruntime; the second padded by one, the first by anything."""
    made = pair(size, batch=batch, channels=channels, between=130, outputs=outputs, window=window,
                pads=(window // 2, window // 2, window // 2, window // 2), behind=behind)  # fmt: skip
    assert composed.pairs(graph_of(made), range(len(made.graph.node))) == {1: 0}
    feeds = {"x": random(batch, channels, *size, seed=3)}
    result = compiled(made).same_everywhere(feeds)["y"]
    assert_close(result, by_runtime(made, feeds)["y"])


@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (2, 0, 1, 3)])
def test_any_padding_of_the_first(pads: tuple[int, int, int, int]) -> None:
    made = pair(pads=pads)
    feeds = {"x": random(1, 3, 9, 14)}
    assert composed.pairs(graph_of(made), [0, 1]) == {1: 0}
    assert_close(compiled(made).same_everywhere(feeds)["y"], by_runtime(made, feeds)["y"])


def test_no_channels_between_are_made() -> None:
    made = compiled(pair((64, 70)))
    feeds = {"x": random(1, 3, 64, 70)}
    assert made.algorithms(feeds) == ["direct"]  # from planes to planes, and no unpacking
    assert made.arena(feeds) == 0


LEFT: dict[str, dict[str, Any]] = {
    "an activation": {"activated": True},
    "few between": {"between": 8},
    "a picture of many channels": {"channels": 5},
    "many outputs": {"outputs": 5},
    "no padding": {"last": {"pads": [0, 0, 0, 0]}},
    "a stride": {"last": {"strides": [2, 2]}},
    "dilation": {"last": {"dilations": [2, 2], "pads": [2, 2, 2, 2]}},
    "one row": {"size": (1, 9)},
    "read elsewhere": {"also": "a"},
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left(name: str) -> None:
    made = pair(**LEFT[name])
    assert composed.pairs(graph_of(made), range(len(made.graph.node))) == {}
    feeds = {"x": random(*[dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim])}
    assert_close(compiled(made).same_everywhere(feeds)["y"], by_runtime(made, feeds)["y"])


def test_a_prepared_file_has_it(tmp_path: Path) -> None:
    """As BiRefNet ends: a picture's pair is added to the mask of a deeper branch."""
    nodes = [
        *(conv("x u", "h"), node("Relu", "h", "i"), conv("i s", "k"), node("Relu", "k", "l"), conv("l t", "j")),
        *(conv("z w b", "a"), conv("a v d", "c"), node("Add", "j c", "y")),
    ]
    weights = {"u": random(64, 3, 3, 3) / 5, "s": random(64, 64, 3, 3) / 24, "t": random(1, 64, 3, 3) / 24,
               "w": random(64, 3, 3, 3) / 5, "b": random(64) + 2, "v": random(1, 64, 3, 3) / 24,
               "d": random(1)}  # fmt: skip
    made = model(nodes, weights, {"x": [1, 3, 30, 41], "z": [1, 3, 30, 41]}, ["y"])
    ready = prepared(tmp_path, made)
    assert ops(ready) == ["Network"]
    feeds = {"x": random(1, 3, 30, 41), "z": random(1, 3, 30, 41, seed=5)}
    assert_close(by_reference(ready, feeds)["y"], by_runtime(made, feeds)["y"])
