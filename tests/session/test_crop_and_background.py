"""Crops to the subject and pictures behind it, with a model that takes grey for alpha."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from rmbg_fast import Session, ops
from rmbg_fast._cli import main
from rmbg_fast._images import backgrounds, reading
from rmbg_fast.errors import ImageError, ImageTooLargeError, OptionError
from rmbg_fast.models import ModelSpec
from support import icc

SIZE = 32


@pytest.fixture(scope="module", params=["bilinear", "pillow-bilinear"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    path = tmp_path_factory.mktemp("model") / "grey.onnx"
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)],
        "grey",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    spec = ModelSpec.for_file(path, like="isnet-general-use", size=(SIZE, SIZE), mask_resample=request.param)
    return Session(spec, device="cpu")


def photo(dtype: Any = np.uint8) -> Any:
    """A bright subject on black."""
    picture = np.zeros((90, 70, 3), dtype)
    picture[30:50, 20:45] = np.random.default_rng(1).integers(150, 256, (20, 25, 3)) * (np.iinfo(dtype).max // 255)
    return picture


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_box_is_that_of_the_alpha(session: Session, dtype: Any) -> None:
    result = session.predict(photo(dtype))
    box = ops.subject_box(result.mask)
    assert result.scene.box == box
    assert box is not None
    assert 0 < box[0] < box[2] < 70
    for left in range(0, 60, 7):  # a subject anywhere, of any size
        picture = np.zeros((141, 283, 3), np.uint8)
        picture[left : left + 9, 2 * left : 2 * left + 19 + left] = 255
        result = session.predict(picture)
        assert result.scene.box == ops.subject_box(result.mask)
        mask = session.mask(picture, dtype="float32")
        assert session.scene is not None
        assert session.scene.box == ops.subject_box(mask)


def test_no_subject_has_no_box_and_stays_whole(session: Session) -> None:
    black = np.zeros((20, 30, 3), np.uint8)
    assert session.remove(black, crop=True, on_empty="ignore").shape == (20, 30, 4)
    assert session.scene is not None
    assert session.scene.box is None


@pytest.mark.parametrize("background", [None, "white"])
@pytest.mark.parametrize("margin", [True, 0, 3, 1000])
def test_crops(session: Session, margin: int, background: str | None) -> None:
    whole = session.predict(photo(), background=background)
    assert whole.scene.box is not None
    left, top, right, bottom = whole.scene.box
    m = 0 if margin is True else margin
    expected = whole.cutout[max(top - m, 0) : bottom + m, max(left - m, 0) : right + m]
    np.testing.assert_array_equal(session.remove(photo(), background=background, crop=margin), expected)
    both = session.predict(photo(), background=background, crop=margin)
    np.testing.assert_array_equal(both.cutout, expected)
    assert both.scene.box == whole.scene.box
    expected_mask = whole.mask[max(top - m, 0) : bottom + m, max(left - m, 0) : right + m]
    np.testing.assert_array_equal(both.mask, expected_mask)
    np.testing.assert_array_equal(session.mask(photo(), crop=margin), expected_mask)
    image = session.remove(Image.fromarray(photo()), background=background, crop=margin)
    np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("crop", [-1, 1.5, "3"])
def test_bad_margins(session: Session, crop: Any) -> None:
    with pytest.raises(OptionError, match="crop"):
        session.remove(photo(), crop=crop)
    with pytest.raises(OptionError, match="does not go with crop"):
        session.remove(photo(), crop=True, out=np.empty((90, 70, 4), np.uint8))
    with pytest.raises(OptionError, match="does not go with crop"):
        session.mask(photo(), crop=True, out=np.empty((90, 70), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_of_the_same_size_behind(session: Session, dtype: Any) -> None:
    behind = np.random.default_rng(2).integers(0, 256, (90, 70, 3)).astype(dtype)
    result = session.predict(photo(dtype), background=behind)
    np.testing.assert_array_equal(result.cutout, ops.blend(photo(dtype), result.mask, background=behind))
    colour = ops.estimate_foreground(photo(dtype), result.mask)
    estimated = session.remove(photo(dtype), background=behind, foreground="estimate")
    np.testing.assert_array_equal(estimated, ops.blend(colour, result.mask, background=behind))


def test_a_picture_of_any_kind_behind(session: Session, tmp_path: Path) -> None:
    behind = np.random.default_rng(2).integers(0, 256, (180, 140, 3), dtype=np.uint8)
    image = Image.fromarray(behind)
    image.save(tmp_path / "sea.png")
    expected = session.remove(photo(), background=image)
    data = (tmp_path / "sea.png").read_bytes()
    for given in (behind, tmp_path / "sea.png", str(tmp_path / "sea.png"), data, memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(session.remove(photo(), background=given), expected)
    shrunk = np.asarray(image.resize((70, 90), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(expected[0, :10], shrunk[0, :10])  # where nothing of the subject is


def test_backgrounds_that_are_none(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"is no opaque colour.*nor is it a picture file"):
        session.remove(photo(), background="absent.png")
    with pytest.raises(ImageError, match=r"the background: .*absent.png: no such file"):
        session.remove(photo(), background=tmp_path / "absent.png")
    for colour in (7, (1, 2), np.array([1, 2, 300])):
        with pytest.raises(OptionError, match="is no opaque colour"):
            session.remove(photo(), background=colour)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"the background: .*text.png: is no image"):
        session.remove(photo(), background=tmp_path / "text.png")
    with pytest.raises(OptionError, match="exclude each other"):
        session.remove(photo(), background=photo(), alpha="premultiplied")
    whole = encoded(Image.new("RGB", (80, 80)), "JPEG")
    with pytest.raises(ImageError, match=r"the background: the image bytes: .*damaged or cut short"):
        session.remove(photo(), background=whole[: len(whole) * 3 // 4], truncated="accept")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    with pytest.raises(ImageTooLargeError, match=r"the background: .*too many pixels"):
        session.remove(photo(), background=whole)


def test_it_is_upright_and_still() -> None:
    white = reading.read(np.zeros((6, 4, 3), np.uint8))
    lying = Image.new("RGB", (6, 4))
    lying.paste((255, 255, 255), (0, 0, 3, 4))  # its left half is light, the upper one when it stands
    exif = Image.Exif()
    exif[0x0112] = 6
    standing = backgrounds.Ground(encoded(lying, "PNG", exif=exif)).under(white)
    assert np.array_equal(np.unique(np.asarray(standing)[:3]), [255])
    assert np.array_equal(np.unique(np.asarray(standing)[3:]), [0])
    frames = [Image.new("RGB", (4, 6), colour) for colour in ("red", "blue")]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(backgrounds.Ground(animated).under(white))[0, 0].tolist() == [255, 0, 0]


def test_of_16_bits_where_photo_and_background_are() -> None:
    levels = np.broadcast_to(np.arange(0, 60000, 600, dtype=np.uint16)[None, :, None], (50, 100, 3))
    deep = np.asarray(backgrounds.Ground(levels).under(reading.read(np.zeros((25, 50), np.uint16))))
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep[:, 3:-3, 0], np.tile(np.arange(300, 60000, 1200)[3:-3], (25, 1)), atol=1)
    shallow = np.asarray(backgrounds.Ground(levels).under(reading.read(np.zeros((50, 100), np.uint8))))
    np.testing.assert_array_equal(shallow, np.rint(levels / 257).astype(np.uint8))


def test_it_is_made_once_for_photos_of_one_kind() -> None:
    ground = backgrounds.Ground(photo())
    one, other = reading.read(np.zeros((20, 30), np.uint8)), reading.read(np.zeros((30, 20), np.uint8))
    first = ground.under(one)
    assert ground.under(one) is first
    assert np.shape(ground.under(other)) == (30, 20, 3)
    assert np.array_equal(ground.under(one), first)


@pytest.mark.parametrize(("size", "shown"), [((80, 20), (30, 50)), ((20, 20), (0, 20)), ((400, 100), (150, 250))])
def test_it_covers_the_photo_in_the_middle(size: tuple[int, int], shown: tuple[int, int]) -> None:
    """A ramp from left to right behind a square photo: CSS shows its middle, as high as the photo."""
    width, height = size
    ramp = np.broadcast_to(np.linspace(0, 255, width)[None, :, None], (height, width, 3)).astype(np.uint8)
    square = reading.read(np.zeros((20, 20, 3), np.uint8))
    got = backgrounds.Ground(np.ascontiguousarray(ramp)).under(square)
    assert not isinstance(got, tuple)
    assert got.shape == (20, 20, 3)
    middle = ramp[0, shown[0] : shown[1], 0].astype(float)
    expected = np.interp((np.arange(20) + 0.5) * len(middle) / 20 - 0.5, np.arange(len(middle)), middle)
    np.testing.assert_allclose(got[:, 2:-2, 0], np.tile(expected[2:-2], (20, 1)), atol=2)


def test_its_colours_become_those_of_the_photo() -> None:
    green = Image.new("RGB", (5, 5), (0, 255, 0))
    photo = Image.new("RGB", (5, 5))
    photo.info["icc_profile"] = icc.DISPLAY_P3
    got = backgrounds.Ground(green).under(reading.read(photo))
    np.testing.assert_allclose(got[0][0], (117, 251, 76), atol=1)
    green.info["icc_profile"] = icc.DISPLAY_P3
    assert list(backgrounds.Ground(green).under(reading.read(photo))[0][0]) == [0, 255, 0]
    clear = Image.new("RGBA", (5, 5), (9, 9, 9, 0))
    assert list(backgrounds.Ground(clear).under(reading.read(np.zeros((5, 5), np.uint8)))[0][0]) == [255] * 3


@pytest.mark.filterwarnings("default::rmbg_fast.errors.ImageWarning")
def test_the_command_does_all_three(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmbg_fast.session.Session", lambda *_, **__: session)
    Image.fromarray(photo()).save(tmp_path / "a.png")
    Image.new("RGB", (7, 9), (1, 200, 3)).save(tmp_path / "b.png")
    expected = session.remove(photo(), crop=4)

    def run(*options: str) -> Any:
        assert main.main(["remove", str(tmp_path / "a.png"), "-o", str(tmp_path / "out.png"), *options]) == 0
        return np.asarray(Image.open(io.BytesIO((tmp_path / "out.png").read_bytes())))

    np.testing.assert_array_equal(run("--crop", "4"), expected)
    assert run("--crop", "4", "--mask").shape == expected.shape[:2]
    assert run("--background", str(tmp_path / "b.png"))[0, 0].tolist() == [1, 200, 3]
    assert run("--background", "rgb(9, 8, 7)")[0, 0].tolist() == [9, 8, 7]
    sea = (tmp_path / "b.png").read_bytes()
    for source in ("-", str(tmp_path / "a.png")):
        behind = ["--background", str(tmp_path / "b.png")]
        assert main.main(["remove", source, "-o", str(tmp_path / "b.png"), *behind]) == 2
    assert (tmp_path / "b.png").read_bytes() == sea
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) * 3 // 4])
    assert main.main(["remove", str(tmp_path / "a.png"), "-o", str(tmp_path / "out.png")]) == 1
    assert run("--accept-truncated").shape == (90, 70, 4)
    assert main.main(["remove", str(tmp_path / "a.png"), "--background", "absent.jpg"]) == 2
