"""A model and a photo that take no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbg_fast import ModelSpec
from support.tiny_models import mean_of_channels, tiny


@pytest.fixture
def grey_model(tmp_path: Path) -> ModelSpec:
    return tiny(tmp_path / "grey.onnx", mean_of_channels())


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (70, 45, 3), dtype=np.uint8)
