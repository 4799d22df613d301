"""Single convolutions of every kind against float64, the same bits on all tiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, helper

from rmbg_fast import errors
from rmbg_fast.reference import network as reference
from support.network_graphs import Array, model, node, random
from support.network_runs import FAST, TIERS, BareNetwork, Compiled, assert_close, compiled

ENDS = ["", "relu", "clip", "add", "relu add", "add relu", "clip add relu", "relu add clip"]


@dataclass(frozen=True)
class Case:
    """A convolution of the concatenated `depths`; `end` is what follows it."""

    depths: list[int]
    channels: int
    height: int
    width: int
    batch: int = 1
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (1, 1, 1, 1)
    end: str = ""
    bias: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""
        room = [self.height + self.pads[0] + self.pads[2], self.width + self.pads[1] + self.pads[3]]
        reach = [rate * (size - 1) + 1 for rate, size in zip(self.dilations, self.kernel, strict=True)]
        height, width = ((r - e) // s + 1 for r, e, s in zip(room, reach, self.strides, strict=True))
        return height, width

    @property
    def window(self) -> dict[str, Any]:
        return {"strides": self.strides, "dilations": self.dilations, "pads": self.pads}

    def model(self) -> ModelProto:
        inputs = {f"x{i}": [self.batch, depth, self.height, self.width] for i, depth in enumerate(self.depths)}
        weights = {"w": self.weights, **({"b": self.offsets} if self.bias else {})}
        nodes = [node("Concat", " ".join(inputs), "x", axis=1), node("Conv", "x w b" if self.bias else "x w", "c0")]
        nodes[1].attribute.extend(helper.make_attribute(name, value) for name, value in self.window.items())
        if len(self.depths) == 1:
            del nodes[0]
            nodes[0].input[0] = "x0"
        for number, step in enumerate(self.end.split()):
            before, after = f"c{number}", f"c{number + 1}"
            if step == "relu":
                nodes.append(node("Relu", before, after))
            elif step == "clip":
                weights |= {"low": np.array(-0.25, np.float32), "high": np.array(0.5, np.float32)}
                nodes.append(node("Clip", f"{before} low high", after))
            else:
                inputs["r"] = [self.batch, self.channels, *self.size]
                nodes.append(node("Add", f"{before} r", after))
        return model(nodes, weights, inputs, [nodes[-1].output[0]])

    @property
    def weights(self) -> Array:
        return random(self.channels, sum(self.depths), *self.kernel, seed=1)

    @property
    def offsets(self) -> Array:
        return random(self.channels, seed=2)

    def feeds(self) -> dict[str, Array]:
        inputs = {f"x{i}": random(self.batch, n, self.height, self.width, seed=i) for i, n in enumerate(self.depths)}
        if "add" in self.end:
            inputs["r"] = random(self.batch, self.channels, *self.size, seed=9)
        return inputs

    def reference(self, feeds: dict[str, Array]) -> tuple[NDArray[np.float64], float]:
        """The result, and the largest value before it was clamped."""
        x = np.concatenate([feeds[f"x{i}"] for i in range(len(self.depths))], axis=1)
        y = reference.convolution(x, self.weights, self.offsets if self.bias else None, **self.window)
        largest = float(np.abs(y).max())
        for step in self.end.split():
            y = y + feeds["r"] if step == "add" else np.maximum(y, 0) if step == "relu" else np.clip(y, -0.25, 0.5)
        return y, largest

    def check(self) -> Compiled:
        made, feeds = compiled(self.model()), self.feeds()
        (result,) = made.same_everywhere(feeds).values()
        assert_close(result, *self.reference(feeds)[:1], scale=self.reference(feeds)[1])
        return made


@st.composite
def cases(draw: st.DrawFn, *, winograd: bool) -> Case:
    some = draw(st.integers(1, 3))
    depths = draw(st.lists(st.integers(1, 70 // some), min_size=some, max_size=some))
    side = st.integers(1, 27)
    if winograd:
        kernel, strides = (3, 3), (1, 1)
        dilations = (draw(st.sampled_from([1, 1, 2, 4, 8])),) * 2
    else:
        one = st.sampled_from([1, 2, 4, 8])
        kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 1), (1, 3), (2, 2), (5, 5), (4, 7)]))
        strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        dilations = draw(st.tuples(one, one))
    most = max(rate * (size - 1) for rate, size in zip(dilations, kernel, strict=True))
    pad = st.one_of(st.just(dilations[0]), st.integers(0, most + 2))
    case = Case(
        depths=depths,
        channels=draw(st.integers(1, 70)),
        height=draw(side),
        width=draw(side),
        batch=draw(st.integers(1, 3)),
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=draw(st.tuples(pad, pad, pad, pad)),
        end=draw(st.sampled_from(ENDS)),
        bias=draw(st.booleans()),
    )
    if min(case.size) < 1:
        reject()
    return case


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(winograd=True))
def test_square_convolutions_of_any_size(case: Case) -> None:
    case.check()


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(winograd=False))
def test_convolutions_with_any_window(case: Case) -> None:
    case.check()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("channels", [3, 40])
def test_every_end_of_a_convolution(end: str, channels: int) -> None:
    Case([20], channels, 13, 18, batch=2, end=end).check()


@pytest.mark.parametrize(
    ("case", "algorithm"),
    [
        (Case([32], 32, 8, 8, batch=2), "winograd F4"),
        (Case([17, 3], 33, 56, 55), "winograd"),
        (Case([24], 40, 30, 29, batch=2, end="relu"), "winograd F6"),
        (Case([16, 16], 20, 83, 77, end="add relu"), "winograd F6"),
        (Case([16], 140, 84, 60, dilations=(2, 2), pads=(2, 2, 2, 2)), "winograd F6"),
        (Case([64], 32, 64, 61, dilations=(8, 8), pads=(8, 8, 8, 8)), "winograd"),
        (Case([70], 70, 1, 1, batch=3), "direct"),
        (Case([3], 64, 40, 37, strides=(2, 2)), "direct"),
        (Case([2, 1], 18, 21, 17), "direct"),
        (Case([66], 34, 21, 17, kernel=(1, 1), pads=(0, 0, 0, 0)), "direct"),
        (Case([200, 10], 50, 21, 17, batch=2, kernel=(1, 1), pads=(0, 0, 0, 0), end="add relu"), "direct"),
        (Case([70], 1, 33, 35), "dot"),
        (Case([5, 40], 4, 33, 35, end="clip"), "dot"),
    ],
    ids=str,
)
def test_every_way_to_do_a_convolution(case: Case, algorithm: str) -> None:
    made = case.check()
    assert any(row.startswith(algorithm) for row in made.algorithms(case.feeds())), made.algorithms(case.feeds())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depths", [[1], [4, 2], [3, 1, 1, 1, 1, 1], [20], [4, 16]])
def test_outputs_of_few_channels(depths: list[int], channels: int) -> None:
    """As planes where the input has many, from planes where it has few."""
    Case(depths, channels, 11, 14, batch=2, end="relu").check()
    Case(depths, channels, 11, 14, kernel=(1, 1), pads=(0, 0, 0, 0)).check()


def test_not_a_number_and_infinity_stay() -> None:
    case = Case([20], 20, 9, 9, kernel=(1, 1), pads=(0, 0, 0, 0), end="relu")
    feeds = case.feeds()
    feeds["x0"][0, 0, 0, 0] = np.nan
    made = compiled(case.model())
    for tier in TIERS:
        (result,) = made.run(feeds, tier=tier).values()
        assert np.isnan(result[0, :, 0, 0]).all()
        assert np.isfinite(result[0, :, 1:]).all()


def test_inputs_of_other_shapes_are_refused() -> None:
    made = compiled(Case([20, 3], 20, 9, 9, end="add").model())
    good = {"x0": random(1, 20, 9, 9), "x1": random(1, 3, 9, 9), "r": random(1, 20, 9, 9)}
    for name, shape in {"x0": (1, 21, 9, 9), "x1": (1, 3, 9, 8), "r": (1, 20, 8, 9)}.items():
        with pytest.raises((errors.OptionError, errors.InferenceError)):
            made.run({**good, name: random(*shape)})
    with pytest.raises(errors.InferenceError):
        made.run({name: random(0, *array.shape[1:]) for name, array in good.items()})
    network_of = BareNetwork(made.plan, made.weights, FAST, 1)
    with pytest.raises(errors.OptionError, match="number of inputs"):
        network_of.run([good["x0"]])
