"""Plans: small graphs compiled whole, and damaged plans, which are refused."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmbg_fast import errors
from rmbg_fast._graphs.network_plan import NO_CLAMP, VERSION, bits
from support.network_graphs import SQUARE, Array, conv, model, node, random
from support.network_runs import FAST, BareNetwork, Compiled, assert_close, by_runtime, compiled


@pytest.mark.parametrize("swapped", [False, True])
def test_sums_of_convolutions(swapped: bool) -> None:
    """Two convolutions that each could take the other as its residual, a sum with itself, a sum of sums."""
    add = node("Add", "b a" if swapped else "a b", "c")
    nodes = [conv("x w", "a"), conv("x v", "b"), add, node("Relu", "c", "d"), conv("d w", "e"), node("Add", "e e", "f"),
             conv("f w", "g"), node("Relu", "g", "h"), node("Add", "h x", "i"), node("Add", "i d", "j"),
             node("Clip", "j low", "k"), conv("k w", "l"), node("Add", "x l", "y")]  # fmt: skip
    weights = {**SQUARE, "v": random(16, 16, 3, 3, seed=5) / 12, "low": np.array(-0.5, np.float32)}
    made = model(nodes, weights, {"x": [1, 16, 17, 13]}, ["y"])
    feeds = {"x": random(1, 16, 17, 13)}
    assert_close(compiled(made).same_everywhere(feeds)["y"], by_runtime(made, feeds)["y"])


def test_planes_and_blocks_concatenated() -> None:
    """Three channels of the input in planes, three of a pool in a block, one and twenty of convolutions."""
    pool = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [node("MaxPool", "x", "p", **pool), node("Concat", "x p", "q", axis=1), conv("q w", "a"), conv("a v", "b"),
             node("Concat", "b x p a", "r", axis=1), conv("r u", "c"), conv("q t", "d"),
             node("Concat", "d b", "e", axis=-3), node("Concat", "e c", "f", axis=1), conv("f s", "y")]  # fmt: skip
    shapes = {"w": (20, 6), "v": (1, 20), "u": (18, 27), "t": (2, 6), "s": (17, 21)}
    weights = {name: random(*shape, 3, 3) / 9 for name, shape in shapes.items()}
    made = model(nodes, weights, {"x": [2, 3, 14, 13]}, ["y", "d"])
    feeds = {"x": random(2, 3, 14, 13)}
    results, wanted = compiled(made).same_everywhere(feeds), by_runtime(made, feeds)
    assert_close(results["y"], wanted["y"])
    assert_close(results["d"], wanted["d"])


def test_limits_as_attributes() -> None:
    clips = [node("Clip", "a", "b", min=-0.5, max=0.25), node("Clip", "c", "y", max=0.5)]
    nodes = [conv("x w", "a"), clips[0], conv("b w", "c"), clips[1]]
    made = model(nodes, SQUARE, {"x": [1, 16, 12, 12]}, ["y"], opset=10)
    feeds = {"x": random(1, 16, 12, 12)}
    assert_close(compiled(made).run(feeds)["y"], by_runtime(made, feeds)["y"])


# --- damaged plans ---


@pytest.fixture(scope="module")
def whole() -> Compiled:
    """A plan with steps of all kinds."""
    nodes = [conv("x w", "a"), node("Relu", "a", "b"), node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
             conv("c w", "d"), node("Add", "d d", "e"), node("Resize", "e - - s", "f", mode="linear"),
             node("Concat", "f b", "g", axis=1), conv("g v", "h"), node("Resize", "h - t", "i", mode="nearest"),
             conv("c w", "j"), node("Add", "j e", "k")]  # fmt: skip
    weights = {**SQUARE, "v": random(2, 32, 3, 3), "s": np.array([1, 16, 8, 9]), "t": np.float32([1, 1, 2, 2])}
    return compiled(model(nodes, weights, {"x": [1, 16, 8, 9]}, ["i", "k"]))


def refused(plan: list[int], weights: Array) -> None:
    with pytest.raises(errors.ModelError, match="damaged"):
        BareNetwork(plan, weights, FAST, 1)


def test_plan_of_another_length_or_version(whole: Compiled) -> None:
    for length in range(len(whole.plan)):
        refused(whole.plan[:length], whole.weights)
    refused([*whole.plan, 0], whole.weights)
    for version in (0, VERSION - 1, VERSION + 1, -1, 2**62):
        refused([version, *whole.plan[1:]], whole.weights)
    refused(whole.plan, whole.weights[:-17])
    refused(whole.plan, whole.weights[:0])


@pytest.mark.parametrize("number", [-1, 2**20 + 1, 2**31, 2**32, 2**53, 2**63 - 1, -(2**63)])
def test_absurd_numbers(whole: Compiled, number: int) -> None:
    """Refused, but for the limits of a clamp and scales, which are the bits of a float."""
    taken = 0
    for place in range(len(whole.plan)):
        plan = [*whole.plan[:place], number, *whole.plan[place + 1 :]]
        with suppress(errors.ModelError):
            BareNetwork(plan, whole.weights, FAST, 1)
            taken += 1
    assert taken < len(whole.plan) / 4


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_plans_that_are_a_little_wrong(whole: Compiled, data: st.DataObject) -> None:
    """What is not refused runs, or says why it cannot. The scales have a test of their own."""
    plan, begin = list(whole.plan), unused_scales(whole.plan)
    places = st.integers(1, len(plan) - 1).filter(lambda place: place not in (begin, begin + 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=2)):
        plan[place] += data.draw(st.sampled_from([-16, -3, -2, -1, 1, 2, 3, 16]))
    with suppress(errors.ModelError, errors.InferenceError):
        BareNetwork(plan, whole.weights, FAST, 1).run([random(1, 16, 8, 9)])


def unused_scales(plan: list[int]) -> int:
    """Where the scales of the resize to 8 x 9 lie."""
    return next(place + 2 for place in range(len(plan)) if plan[place : place + 6] == [8, 9, 0, 0, 0, 0])


@pytest.mark.parametrize("scale", [float("nan"), -1.0, float("inf"), 5e-324, 2.0])
@pytest.mark.parametrize("offset", [0, 1])
def test_scales_beside_sizes(whole: Compiled, scale: float, offset: int) -> None:
    """Not run: a position that is no number leads anywhere in memory."""
    plan = list(whole.plan)
    plan[unused_scales(plan) + offset] = bits(scale)
    refused(plan, whole.weights)


def test_weights_whose_count_overflows() -> None:
    """16 inputs of 2^20 channels, 2^20 taps and outputs: 2^64 weights are not none."""
    wide, ends = 2**20, [bits(value) for value in NO_CLAMP]
    window = [1024, 1024, 1, 1, 1, 1, 1023, 1023, 0, 0]
    step = [0, 16, *[1] * 16, 2, *window, 0, 0, *ends, 0, -1, *ends]
    plan = [VERSION, 4, 0, wide, 1, wide, 1, wide, 0, wide, 1, 0, 1, 3, 3, 4, 1, 0, 1, *step, 5, 1, 2, 3]
    refused(plan, np.zeros(wide, np.float32))
