"""The network's steps against `reference.network`, over odd sizes, on every tier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rmbg_fast.reference import network as reference
from support.network_graphs import Array, conv, model, node, random
from support.network_runs import Compiled, assert_close, compiled

sides = st.integers(1, 33)
some = settings(max_examples=40, deadline=None, derandomize=True)


def only(made: Compiled, feeds: dict[str, Array]) -> Array:
    (result,) = made.same_everywhere(feeds).values()
    return result


@some
@given(
    size=st.tuples(sides, sides),
    channels=st.integers(1, 40),
    outputs=st.integers(1, 40),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 2),
    reach=st.sampled_from([0.0, 1.0, 8.0, 1e9]),
    modulated=st.booleans(),
)
def test_deformable_convolutions(
    size: tuple[int, int],
    channels: int,
    outputs: int,
    window: tuple[int, int],
    stride: int,
    reach: float,
    modulated: bool,
) -> None:
    taps = window[0] * window[1]
    pads = (1, 2, window[0] - 1, window[1] - 1)
    where: dict[str, Any] = {"strides": (stride, 1), "dilations": (1, 1), "pads": pads}
    x = random(2, channels, *size)
    weights, bias = random(outputs, channels, *window, seed=1) / np.float32((channels * taps) ** 0.5), random(outputs)
    after = reference.convolution(x[:, :1], weights[:1, :1], **where).shape[2:]
    feeds = {"x": x, "o": random(2, 2 * taps, *after, seed=2) * np.float32(reach), "m": random(2, taps, *after, seed=3)}
    feeds["o"].reshape(-1)[::5] = np.round(feeds["o"].reshape(-1)[::5])
    if not modulated:
        del feeds["m"]
    nodes = [node("DeformConv", "x w o b m" if modulated else "x w o b", "y", kernel_shape=window, **where)]
    shapes: dict[str, list[Any]] = {name: list(array.shape) for name, array in feeds.items()}
    made = compiled(model(nodes, {"w": weights, "b": bias}, shapes, ["y"], opset=19))
    wanted = reference.deformable_convolution(x, weights, feeds["o"], bias, feeds.get("m"), **where)
    assert_close(only(made, feeds), wanted)


@some
@given(size=st.tuples(sides, sides), channels=st.integers(1, 40), outputs=st.integers(5, 40), batch=st.integers(1, 2))
def test_7x7_convolutions(size: tuple[int, int], channels: int, outputs: int, batch: int) -> None:
    """The kernels and NumPy by F(5, 4), and tap by tap: all three agree."""
    x, bias = random(batch, channels, *size), random(outputs)
    weights = random(outputs, channels, 7, 7, seed=1) / np.float32(7 * channels**0.5)
    pads = (3, 3, 3, 3)
    nodes = [conv("x w b", "y", pads=pads)]
    made = compiled(model(nodes, {"w": weights, "b": bias}, {"x": list(x.shape)}, ["y"]))
    wanted = reference.convolution(x, weights, bias, pads=pads)
    by_tiles = reference.winograd_7x7(x, weights, bias, pads=pads)
    assert np.abs(by_tiles - wanted).max() <= 1e-10 * max(1.0, float(np.abs(wanted).max()))
    assert_close(only(made, {"x": x}), wanted, precision=5e-5, scale=1)


def test_7x7_is_done_by_tiles() -> None:
    x, weights = random(1, 32, 40, 43), random(32, 32, 7, 7)
    made = compiled(model([conv("x w", "y", pads=[3] * 4)], {"w": weights}, {"x": list(x.shape)}, ["y"]))
    assert "winograd F5" in made.algorithms({"x": x})


@pytest.mark.parametrize(("outputs", "taps"), [(4, 3), (6, 3), (5, 4)])
def test_minimal_filters(outputs: int, taps: int) -> None:
    """y = A' [(G g) * (B' d)] is the filter `g` over `d`."""
    inputs, weights, back = reference.winograd_matrices(outputs, taps)
    d, g = random(outputs + taps - 1).astype(np.float64), random(taps).astype(np.float64)
    wanted: NDArray[Any] = np.correlate(d, g, "valid")
    assert np.abs(back @ ((weights @ g) * (inputs @ d)) - wanted).max() < 1e-12


def _gate(size: tuple[int, int], channels: int) -> tuple[Compiled, dict[str, Array]]:
    feeds = {"x": random(2, channels, *size), "g": random(2, 1, *size, seed=1)}
    shapes: dict[str, list[Any]] = {name: list(array.shape) for name, array in feeds.items()}
    return compiled(model([node("Mul", "x g", "y")], {}, shapes, ["y"])), feeds


@some
@given(size=st.tuples(sides, sides), channels=st.integers(2, 40))
def test_gates_have_the_same_bits(size: tuple[int, int], channels: int) -> None:
    made, feeds = _gate(size, channels)
    assert np.array_equal(only(made, feeds), reference.gate(feeds["x"], feeds["g"]))


@some
@given(size=st.tuples(sides, sides), channels=st.integers(5, 40))
def test_means_have_the_same_bits(size: tuple[int, int], channels: int) -> None:
    """Seen through a convolution that only passes them on: a mean alone is left to the runtime."""
    x = random(2, channels, *size)
    nodes = [node("GlobalAveragePool", "x", "m"), conv("m w", "y", pads=[0] * 4)]
    weights = {"w": np.eye(channels, dtype=np.float32)[:, :, None, None]}
    made = compiled(model(nodes, weights, {"x": list(x.shape)}, ["y"]))
    assert np.array_equal(only(made, {"x": x}), reference.mean(x))


@some
@given(size=st.tuples(sides, sides), scale=st.sampled_from([1.0, 2.0, -0.5]), reach=st.sampled_from([1.0, 10.0, 200.0]))
def test_sigmoids(size: tuple[int, int], scale: float, reach: float) -> None:
    """Within 2e-7 of the scale, seen through a deformable convolution of one tap whose map is 1."""
    mask = random(1, 1, *size) * np.float32(reach)
    ones, still = np.ones((1, 16, *size), np.float32), np.zeros((1, 2, *size), np.float32)
    weights = {"w": np.eye(16, dtype=np.float32)[:, :, None, None], "scale": np.array(scale, np.float32)}
    nodes = [
        *(node("Sigmoid", "m", "s"), node("Mul", "s scale", "t")),
        node("DeformConv", "x w o - t", "y", kernel_shape=[1, 1]),
    ]
    feeds = {"m": mask, "x": ones, "o": still}
    shapes: dict[str, list[Any]] = {name: list(array.shape) for name, array in feeds.items()}
    result = only(compiled(model(nodes, weights, shapes, ["y"], opset=19)), feeds)
    assert np.abs(result[:, :1] - reference.sigmoid(mask, scale)).max() <= 2e-7 * abs(scale)
