"""Models and a photo that take no time, and a GPU that the CPU plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbg_fast import ModelSpec, Session
from support import small_network, stand_in
from support.tiny_models import mean_of_channels, tiny


@pytest.fixture
def grey_model(tmp_path: Path) -> ModelSpec:
    return tiny(tmp_path / "grey.onnx", mean_of_channels())


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (70, 45, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A small network, in a process that sees the stand-in's GPUs from here on."""
    folder = tmp_path_factory.mktemp("stand-in")
    stand_in.use(folder)
    return small_network.saved(folder)


@pytest.fixture(scope="module")
def gpu(spec: ModelSpec) -> Session:
    """It runs on the stand-in's first GPU."""
    return stand_in.session(spec)
