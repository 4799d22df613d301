"""Pictures and masks of the sizes that the tables name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SIZES = {"512x512": (512, 512), "1920x1080": (1080, 1920), "4000x3000": (3000, 4000)}


@pytest.fixture(scope="session", params=SIZES)
def image(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    height, width = SIZES[request.param]
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def mask() -> NDArray[Any]:
    y, x = np.mgrid[-1:1:1024j, -1:1:1024j]
    soft: NDArray[Any] = np.clip(2.5 - 4 * np.hypot(x, y), 0.01, 0.99).astype(np.float32)
    return soft
