"""What the command's results hold: options, 16 bits, standard input and output; one run with the real model."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._cli import main
from rmbg_fast._images import reading, writing
from support.left_half import LeftHalf, lines, load, photo, stdin, tree

pytestmark = pytest.mark.usefixtures("session")


def test_cutout_mask_threshold_background_and_alpha() -> None:
    photo("in.png", (200, 100, 50))

    def run(*options: str) -> Any:
        assert main.main(["remove", "in.png", "-o", "out.png", *options]) == 0
        return np.asarray(load("out.png"))

    assert run()[0, 0].tolist() == [200, 100, 50, 200]
    assert run("--threshold", "128")[0].tolist() == [[200, 100, 50, 255]] * 4 + [[200, 100, 50, 0]] * 4
    assert run("--background", "#0000ff")[0, 7].tolist() == [0, 0, 255]
    assert run("--alpha", "premultiplied")[0, 7].tolist() == [0, 0, 0, 0]
    assert run("--mask")[0].tolist() == [200] * 4 + [0] * 4
    assert run("--mask", "--threshold", "200")[0].tolist() == [255] * 4 + [0] * 4
    assert run("--mask", "--threshold", "201")[0].tolist() == [0] * 8


def test_a_16_bit_png_stays_one(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    pixels = np.full((6, 8, 3), (1000, 2000, 60001), np.uint16)
    data = writing.encode_png(pixels)
    Path("deep.png").write_bytes(data)

    def run(target: str, *options: str) -> Any:
        assert main.main(["remove", "deep.png", "-o", target, *options]) == 0
        return reading.read(Path(target), deep=True).pixels

    assert run("out.png")[0, [0, 7]].tolist() == [[1000, 2000, 60001, 200 * 257], [1000, 2000, 60001, 0]]
    assert run("out.png", "--mask")[0].tolist() == [200 * 257] * 4 + [0] * 4
    assert run("out.png", "--mask", "--threshold", "200")[0].tolist() == [65535] * 4 + [0] * 4
    assert run("out.png", "--mask", "--threshold", "201")[0].tolist() == [0] * 8
    assert run("out.tif")[0, 0].tolist() == run("out", "--format", "webp")[0, 0].tolist() == [4, 8, 233, 200]
    assert load("out.tif").mode == "RGBA"
    stdin(monkeypatch, data)
    assert main.main(["remove", "-"]) == 0
    assert reading.read(capsysbinary.readouterr().out).pixels[0, 0].tolist() == [1000, 2000, 60001, 200 * 257]


def test_one_session_with_the_options_given(session: type[LeftHalf]) -> None:
    photo("a.jpg")
    photo("b.jpg")
    options = "--model m.onnx --device cuda:1 --threads 3 --recipe rembg"
    assert main.main(["remove", "a.jpg", "b.jpg", *options.split()]) == 0
    assert session.made == [{"model": "m.onnx", "device": "cuda:1", "threads": 3, "recipe": "rembg"}]


def test_streams(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    data = photo("in.jpg")
    for arguments in (["-"], ["-", "-o", "-"], ["in.jpg", "-o", "-"], ["-", "--format", "webp"]):
        stdin(monkeypatch, data)
        assert main.main(["remove", *arguments]) == 0
        image = Image.open(io.BytesIO(capsysbinary.readouterr().out))
        assert (image.mode, image.size) == ("RGBA", (8, 6))
        assert image.format == ("WEBP" if "webp" in arguments else "PNG")
    for output, result in (("out.png", "out.png"), ("out/", "out/stdin.png")):
        stdin(monkeypatch, data)
        assert main.main(["remove", "-", "-o", output]) == 0
        assert load(result).size == (8, 6)


def test_bad_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stdin(monkeypatch, b"")
    assert main.main(["remove", "-", "-o", "out.png"]) == 1
    assert lines(capsys) == ["rmbg-fast: standard input: is empty, 0 bytes"]
    assert tree() == []


def test_no_image_goes_to_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main.main(["remove", "-"]) == 2
    assert "terminal" in lines(capsys)[0]


def test_a_real_cat(isnet_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    skimage_data = pytest.importorskip("skimage.data")
    Image.fromarray(skimage_data.chelsea()).save("cat.jpg", quality=95)
    monkeypatch.setattr("rmbg_fast.session.Session", lambda *_, **__: isnet_session)
    assert main.main(["remove", "cat.jpg", "-o", "cat.png"]) == 0
    alpha = np.asarray(load("cat.png"))[..., 3]
    assert alpha[150, 220] > 240  # between the eyes
    assert alpha[60, 440] < 10  # the room behind
    assert 0.6 < (alpha > 127).mean() < 0.9
