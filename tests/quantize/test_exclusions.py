"""The search for layers to leave in float, on networks whose error is a sum that is known."""

from __future__ import annotations

import math

import pytest

from rmbg_fast._quantize.search import Layer, search


class Network:
    """Layers with a known error each, which add up in squares; counts how often it is measured."""

    def __init__(self, errors: dict[str, float]) -> None:
        self.errors = errors
        self.measured = 0

    def __call__(self, floating: frozenset[str]) -> float:
        self.measured += 1
        return math.sqrt(sum(error**2 for name, error in self.errors.items() if name not in floating))


def layers(count: int, work: dict[str, int] | None = None) -> list[Layer]:
    return [Layer(f"l{i}", (work or {}).get(f"l{i}", 10)) for i in range(count)]


@pytest.mark.parametrize("hot", ["l0", "l9", "l31"])
def test_layer_that_hurts_is_found(hot: str) -> None:
    network = Network({f"l{i}": 2.0 if f"l{i}" == hot else 0.05 for i in range(32)})
    found = search(layers(32), network, goal=0.3, trials=24, share=0.1)
    assert found.floating == {hot}
    assert found.error == pytest.approx(math.sqrt(31 * 0.05**2))
    assert found.error_before == pytest.approx(math.sqrt(4 + 31 * 0.05**2))


def test_several_layers_are_found() -> None:
    network = Network({f"l{i}": 1.0 if i in (2, 20) else 0.01 for i in range(32)})
    found = search(layers(32), network, goal=0.1, trials=40, share=0.1)
    assert {"l2", "l20"} <= found.floating
    assert found.error <= 0.1


def test_nothing_is_excluded_where_the_goal_is_met() -> None:
    network = Network({"l0": 0.1, "l1": 0.1})
    found = search(layers(2), network, goal=0.2, trials=24, share=1)
    assert (found.floating, found.trials, network.measured) == (frozenset(), 1, 1)


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 24])
def test_cost_is_bounded(trials: int) -> None:
    network = Network({f"l{i}": 1.0 for i in range(64)})
    found = search(layers(64), network, goal=0, trials=trials, share=1)
    assert found.trials == network.measured <= trials


def test_share_of_the_work_is_bounded() -> None:
    network = Network({"l0": 3.0, "l1": 1.0, "l2": 0.1, "l3": 0.1})
    found = search(layers(4, {"l0": 1000}), network, goal=0.5, trials=24, share=0.01)
    assert found.floating == {"l1"}


def test_what_does_not_help_is_not_kept() -> None:
    def worse(floating: frozenset[str]) -> float:
        return 1.0 + len(floating)

    found = search(layers(8), worse, goal=0, trials=24, share=1)
    assert (found.floating, found.error) == (frozenset(), 1.0)
