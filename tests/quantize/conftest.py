"""A small network with the ranges of its activations."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbg_fast._quantize import calibration, quantize
from support.quantized import Made
from support.small_network import photos, saved


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    spec = saved(tmp_path)
    model = quantize.load(spec)
    inputs = [calibration.feed(spec, photo) for photo in photos(tmp_path)]
    return spec, model, calibration.ranges(model, inputs, threads=1)
