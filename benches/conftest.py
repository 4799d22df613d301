"""Pictures and masks of the sizes that the tables name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_cases import noise, subject
from numpy.typing import NDArray

SIZES = {"512x512": (512, 512), "1920x1080": (1080, 1920), "4000x3000": (3000, 4000)}


@pytest.fixture(scope="session", params=SIZES)
def image(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    return noise(SIZES[request.param])


@pytest.fixture(scope="session")
def mask() -> NDArray[Any]:
    return subject()
