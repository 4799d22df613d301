"""The same calls through rembg and through rmbg_fast.rembg, with the same model files, over every option."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from skimage import data

import rmbg_fast.rembg as ours
from support import real_rembg
from support.pictures import encoded
from support.real_rembg import Given, rembg

OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "only_mask": {"only_mask": True},
    "post_process_mask": {"post_process_mask": True},
    "post_process_mask, only_mask": {"post_process_mask": True, "only_mask": True},
    "putalpha": {"putalpha": True},
    "putalpha, decontaminate": {"putalpha": True, "decontaminate": True},
    "bgcolor": {"bgcolor": (1, 200, 3, 255)},
    "bgcolor with alpha": {"bgcolor": (1, 200, 3, 100)},
    "bgcolor, three numbers": {"bgcolor": [1, 200, 3]},
    "bgcolor, putalpha": {"bgcolor": (1, 200, 3, 255), "putalpha": True},
    "bgcolor, post_process_mask": {"bgcolor": (1, 200, 3, 255), "post_process_mask": True},
    "bgcolor, only_mask": {"bgcolor": (1, 200, 3, 255), "only_mask": True},
    "alpha_matting": {"alpha_matting": True},
    "alpha_matting, numbers": {
        "alpha_matting": True, "alpha_matting_foreground_threshold": 200, "alpha_matting_background_threshold": 40,
        "alpha_matting_erode_size": 3,
    },
    "alpha_matting, no erosion": {"alpha_matting": True, "alpha_matting_erode_size": 0},
    "alpha_matting, bgcolor": {"alpha_matting": True, "bgcolor": (9, 9, 9, 255)},
    "alpha_matting, decontaminate": {"alpha_matting": True, "decontaminate": True},
}  # fmt: skip
WHOLE = ("nothing", "only_mask", "post_process_mask", "bgcolor", "putalpha")  # for pictures and models of more work


@pytest.fixture(scope="module")
def u2netp(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """rembg's session and ours."""
    home = tmp_path_factory.mktemp("u2netp")
    return real_rembg.session("u2netp", home), ours.new_session("u2netp", providers=["CPUExecutionProvider"])


def pixels_of(result: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(result)) if isinstance(result, bytes) else result)


def check(
    data: Any, theirs: Any, mine: Any, options: dict[str, Any], *, levels: int = 2, flipped: float = 2e-4
) -> None:
    """The same kind, mode, size and pixels; of masks that are made binary, all but a share of `flipped`."""
    expected = rembg.remove(data, session=theirs, **options)
    result = ours.remove(data, session=mine, **options)
    assert type(result) is type(expected)
    if isinstance(expected, Image.Image):
        assert (result.mode, result.size) == (expected.mode, expected.size)
    got, wanted = pixels_of(result), pixels_of(expected)
    assert got.dtype == wanted.dtype == np.uint8
    assert got.shape == wanted.shape
    apart = real_rembg.apart(got, wanted, seen=options.get("alpha_matting", False))
    share = (apart > levels).mean()
    # A mask that differs by a level in a pixel may fall to the other side of a limit there.
    limited = options.get("post_process_mask") or options.get("alpha_matting")
    assert share <= (flipped if limited else 0), (apart.max(), share)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(u2netp: Any, options: dict[str, Any]) -> None:
    """Colours at most two levels apart, of which the mask has one."""
    if options.get("alpha_matting"):
        pytest.importorskip("pymatting")
    check(data.chelsea()[::2, ::2], *u2netp, options)


@pytest.mark.parametrize("name", ["astronaut", "camera", "coins", "rocket"])
@pytest.mark.parametrize("options", [OPTIONS[name] for name in WHOLE], ids=WHOLE)
def test_photos(u2netp: Any, name: str, options: dict[str, Any]) -> None:
    check(getattr(data, name)(), *u2netp, options)


def transparent() -> Image.Image:
    """A cut-out: alpha rises from left to right."""
    photo = data.chelsea()
    return Image.fromarray(np.dstack([photo, np.linspace(0, 255, photo.shape[1]).astype(np.uint8) + 0 * photo[..., 0]]))


def lying(orientation: int) -> bytes:
    image = Image.fromarray(data.chelsea())
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", exif=exif)


KINDS = {
    "PNG bytes": lambda: encoded(Image.fromarray(data.chelsea()), "PNG"),
    "JPEG bytes": lambda: encoded(Image.fromarray(data.chelsea()), "JPEG"),
    "grey JPEG bytes": lambda: encoded(Image.fromarray(data.camera()), "JPEG"),
    "CMYK JPEG bytes": lambda: encoded(Image.fromarray(data.chelsea()).convert("CMYK"), "JPEG"),
    "lying JPEG bytes": lambda: lying(6),
    "mirrored JPEG bytes": lambda: lying(2),
    "PNG bytes with alpha": lambda: encoded(transparent(), "PNG"),
    "PIL RGB": lambda: Image.fromarray(data.chelsea()),
    "PIL L": lambda: Image.fromarray(data.camera()),
    "PIL RGBA": transparent,
    "PIL P": lambda: Image.fromarray(data.chelsea()).convert("P"),
    "PIL LA": lambda: transparent().convert("LA"),
    "PIL CMYK": lambda: Image.fromarray(data.chelsea()).convert("CMYK"),
    "PIL YCbCr": lambda: Image.fromarray(data.chelsea()).convert("YCbCr"),
    "PIL 1": lambda: Image.fromarray(data.camera()).convert("1"),
    "array RGB": data.chelsea,
    "array RGBA": lambda: np.asarray(transparent()),
    "array grey": data.camera,
    "array bool": lambda: data.camera() > 100,
    "array grey and alpha": lambda: np.asarray(transparent().convert("LA")),
    "array, not contiguous": lambda: data.chelsea()[::-1, ::2],
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("options", [{}, {"only_mask": True}, {"bgcolor": (1, 2, 3, 255)}], ids=["", "mask", "bgcolor"])
def test_kinds(u2netp: Any, make: Any, options: dict[str, Any]) -> None:
    picture = make()
    before = picture.copy() if not isinstance(picture, bytes) else picture
    check(picture, *u2netp, options)
    assert pixels_of(picture).tobytes() == pixels_of(before).tobytes()
    assert getattr(picture, "mode", "") == getattr(before, "mode", "")


@pytest.mark.parametrize("kind", ["PIL RGB", "PIL RGBA", "PIL L", "array RGBA", "array grey", "PNG bytes"])
def test_putalpha_of_kinds(u2netp: Any, kind: str) -> None:
    check(KINDS[kind](), *u2netp, {"putalpha": True})


def test_u2net(tmp_path_factory: pytest.TempPathFactory) -> None:
    theirs = real_rembg.session("u2net", tmp_path_factory.mktemp("u2net"))
    mine = ours.new_session("u2net", providers=["CPUExecutionProvider"])
    for options in WHOLE:
        check(data.chelsea(), theirs, mine, OPTIONS[options])


def test_predict(u2netp: Any) -> None:
    image = Image.open(io.BytesIO(lying(6)))  # a session does not turn it
    (expected,), (mask,) = (session.predict(image) for session in u2netp)
    assert (mask.mode, mask.size) == (expected.mode, expected.size) == ("L", image.size)
    assert np.abs(np.asarray(mask).astype(int) - np.asarray(expected)).max() <= 2


# --- with given masks, where equal means equal


def soft(height: int, width: int, seed: int) -> np.ndarray:
    """A mask with soft edges, islands and holes."""
    small = np.random.default_rng(seed).normal(128, 160, (max(height // 9, 2), max(width // 9, 2)))
    levels = Image.fromarray(np.clip(small, 0, 255).astype(np.uint8))
    return np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (5, 3), (63, 64), (64, 129), (200, 131), (300, 451)])
def test_post_process_of_given_masks(size: tuple[int, int]) -> None:
    for mask in (soft(*size, seed=1), np.random.default_rng(2).integers(0, 256, size, np.uint8)):
        given = Given(mask)
        picture = np.zeros((*size, 3), np.uint8)
        check(picture, given, given, {"post_process_mask": True, "only_mask": True}, levels=0, flipped=0)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("alpha", [False, True])
def test_options_with_given_masks(options: dict[str, Any], alpha: bool) -> None:
    if options.get("alpha_matting"):
        pytest.importorskip("pymatting")
    picture = np.asarray(transparent())[50:150, 100:220, : 4 if alpha else 3]
    given = Given(soft(100, 120, seed=3))
    check(picture, given, given, options, levels=1, flipped=0)


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("options", [{}, {"putalpha": True}])
def test_alpha_matting_with_nothing_certain(level: int, options: dict[str, Any]) -> None:
    """Both take the mask's own alpha and, but for putalpha, decontaminate."""
    pytest.importorskip("pymatting")
    given, picture = Given(np.full((40, 50), level, np.uint8)), data.chelsea()[:40, :50]
    for module in (rembg, ours):
        cut = module.remove(picture, session=given, alpha_matting=True, **options)
        other = module.remove(picture, session=given, decontaminate=True, **options)
        np.testing.assert_array_equal(cut, other)


def test_several_masks_and_none() -> None:
    masks = soft(60, 70, seed=4), soft(60, 70, seed=5)
    picture = data.chelsea()[:60, :70]
    for given in (Given(*masks), Given()):
        for options in ({}, {"only_mask": True}, {"post_process_mask": True}):
            check(picture, given, given, options, flipped=0)


def test_decontaminate_is_nearer_to_the_truth() -> None:
    """A subject of known colours over a known background: alpha as there, and colours no further off."""
    truth, behind = data.chelsea()[:200, :300].astype(float), data.coffee()[:200, :300].astype(float)
    mask = soft(200, 300, seed=6)
    alpha = mask[..., None] / 255
    picture = np.rint(truth * alpha + behind * (1 - alpha)).astype(np.uint8)
    given = Given(mask)
    theirs, mine = (module.remove(picture, session=given, decontaminate=True) for module in (rembg, ours))
    assert (mine[..., 3] == theirs[..., 3]).all()
    wrong = [float((np.abs(cut[..., :3] - truth) * alpha).mean()) for cut in (mine, theirs)]
    print("mean error of the colours, ours and rembg's:", wrong)
    assert wrong[0] <= 1.1 * wrong[1]


@pytest.mark.parametrize("wrong", ["photo.png", None, 5, bytearray(b"GIF89a"), io.BytesIO(b"GIF89a"), [1]])
def test_other_kinds_are_refused_by_both(wrong: Any) -> None:
    for module in (rembg, ours):
        with pytest.raises(ValueError, match="not supported"):
            module.remove(wrong, session=Given())


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"GIF89a"])
def test_bytes_that_are_no_image(damaged: bytes) -> None:
    for module in (rembg, ours):
        with pytest.raises(UnidentifiedImageError):
            module.remove(damaged, session=Given())


def test_signatures() -> None:
    """Every name and default of rembg's, in its order."""
    import inspect

    for name in ("remove", "new_session"):
        theirs, mine = (inspect.signature(getattr(module, name)).parameters for module in (rembg, ours))
        assert [one for one in mine if one in theirs] == list(theirs)
        assert [mine[one].default for one in theirs] == [one.default for one in theirs.values()]
        assert [mine[one].kind for one in theirs] == [one.kind for one in theirs.values()]
