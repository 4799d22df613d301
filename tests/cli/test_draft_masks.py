"""Masks of JPEG files that are decoded no larger than the model needs them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._cli import main
from support import flow_models


def test_draft_is_the_session_s_own_at_the_size_of_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = flow_models.session(tmp_path / "model")
    monkeypatch.setattr("rmbg_fast._cli.remove.make_session", lambda _: session)
    source, target = tmp_path / "photo.jpg", tmp_path / "mask.png"
    Image.fromarray(flow_models.picture(1, 20, 30).repeat(16, 0).repeat(16, 1)).save(source, quality=95, dpi=(300, 300))

    def mask(*options: str) -> np.ndarray:  # type: ignore[type-arg]
        command = ["remove", str(source), "-o", str(target), "--mask", "--on-empty", "ignore", *options]
        assert main.main(command) == 0
        with Image.open(io.BytesIO(target.read_bytes())) as image:
            assert round(image.info["dpi"][0]) == 300
            return np.asarray(image)

    whole, draft = mask(), mask("--draft")
    np.testing.assert_array_equal(whole, session.mask(source, on_empty="ignore"))
    np.testing.assert_array_equal(draft, session.mask(source, draft=True, on_empty="ignore"))
    assert whole.shape == draft.shape == (320, 480)
    assert (whole != draft).any()
