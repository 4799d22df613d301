"""What a visit costs: by itself, for no other page's process may be the browser's largest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support import browsing


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_what_it_is_over_many_photos(first_page: Any, cat_file: Path, tmp_path: Path) -> None:
    large = tmp_path / "12mp.jpg"
    with Image.open(cat_file) as image:
        image.resize((4000, 3000)).save(large, quality=90)
    photos = [str(large), str(cat_file)] * 4
    first_page.set_input_files("#files", photos)
    done = "#list li:nth-child({}) >> text=/^done$/"
    first_page.wait_for_selector(done.format(2))
    after_two = browsing.renderer_memory(first_page)
    first_page.wait_for_selector(done.format(len(photos)), timeout=120_000)
    at_the_end = browsing.renderer_memory(first_page)
    decoded = 4000 * 3000 * 4 / 1e6
    assert at_the_end < after_two + 2 * decoded  # three more large photos, each decoded, cut out, written, shown
    assert at_the_end < 450
