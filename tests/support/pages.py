"""What the page of the browser and that of the service have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

DONE = "#download:enabled"
"""A result can be had."""


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def downloaded(page: Any) -> Any:
    with page.expect_download() as download:
        page.click("#download")
    return pixels(download.value.path())
