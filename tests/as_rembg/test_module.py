"""rmbg_fast.rembg by itself: kinds, errors, sessions, folders, and in the place of the name rembg."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError

import rmbg_fast.rembg as rembg
from rmbg_fast import RmbgError, models
from rmbg_fast.rembg import _models
from rmbg_fast.rembg.sessions import sessions_names
from support.pictures import encoded

RNG = np.random.default_rng(19)
RGB = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
CPU = ["CPUExecutionProvider"]


@pytest.fixture(scope="module")
def session() -> rembg.RembgSession:
    return rembg.new_session("u2netp", providers=CPU)


@pytest.fixture
def no_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user who has never had rembg; the folder in which its own would lie."""
    for name in ("U2NET_HOME", "REMBG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_kinds_in_are_kinds_out(session: Any) -> None:
    array = rembg.remove(RGB, session=session)
    image = rembg.remove(Image.fromarray(RGB), session=session)
    data = rembg.remove(encoded(Image.fromarray(RGB), "PNG"), session=session)
    assert isinstance(image, Image.Image)
    assert isinstance(data, bytes)
    for one in (image, Image.open(io.BytesIO(data))):
        assert one.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(one), array)


@pytest.mark.parametrize("data", [RGB, Image.fromarray(RGB), bytearray(encoded(Image.fromarray(RGB), "PNG"))])
def test_force_return_bytes(session: Any, data: Any) -> None:
    result = rembg.remove(data, session=session, force_return_bytes=True)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(result))), rembg.remove(RGB, session=session))


def test_16_bits_give_8(session: Any) -> None:
    deep = RGB.astype(np.uint16) * 257
    np.testing.assert_array_equal(rembg.remove(deep, session=session), rembg.remove(RGB, session=session))


def test_masks_have_no_profile(session: Any) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = encoded(Image.fromarray(RGB), "PNG", icc_profile=profile, dpi=(300, 300))
    cutout, mask = (
        Image.open(io.BytesIO(rembg.remove(photo, session=session, only_mask=only))) for only in (False, True)
    )
    assert cutout.info["icc_profile"] == profile
    assert "icc_profile" not in mask.info
    assert mask.mode == "L"


def test_errors(session: Any) -> None:
    for wrong in ("a.png", None, bytearray(b"x"), Path("a.png")):
        with pytest.raises(ValueError, match="not supported"):
            rembg.remove(wrong, session=session)  # type: ignore[call-overload]
    with pytest.raises(UnidentifiedImageError, match="no image") as caught:
        rembg.remove(b"garbage", session=session)
    assert isinstance(caught.value, RmbgError)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ValueError, match="vitmatte is not there"):
        rembg.remove(RGB, session=session, vitmatte=True)
    with pytest.raises(ValueError, match="session must be one of new_session"):
        rembg.remove(RGB, session="u2netp")
    for colour in ("red", (1, 2), (1, 2, 3, 4, 5), (1.5, 2, 3, 4), 7):
        with pytest.raises(ValueError, match="bgcolor"):
            rembg.remove(RGB, session=session, bgcolor=colour)
    with pytest.raises(ValueError, match="alpha matting"):
        rembg.remove(RGB, session=session, alpha_matting=True, alpha_matting_erode_size="10")
    with pytest.raises(ValueError, match="float"):
        rembg.remove(RGB.astype(float), session=session)


def test_alpha_matting_without_pymatting(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(ValueError, match="pip install pymatting"):
        rembg.remove(RGB, session=session, alpha_matting=True)


# --- sessions


@pytest.mark.parametrize("name", ["sam", "u2net_cloth_seg", "withoutbg", "atlascloud", "nobody", 7])
def test_models_that_are_not_there_say_why(name: Any) -> None:
    with pytest.raises(ValueError, match=r"is not there: \w+ |no model of rembg is called|must be the name"):
        rembg.new_session(name)


def test_models_of_ones_own() -> None:
    with pytest.raises(ValueError, match="give model_path"):
        rembg.new_session("u2net_custom")
    with pytest.raises(RmbgError, match="no such model file"):
        rembg.new_session("dis_custom", model_path="nowhere.onnx")
    own = rembg.new_session("u2net_custom", providers=CPU, model_path=str(models.path("u2netp")))
    same = rembg.new_session("u2netp", providers=CPU)
    np.testing.assert_array_equal(rembg.remove(RGB, session=own), rembg.remove(RGB, session=same))


def test_every_name_has_a_recipe() -> None:
    assert inspect.signature(rembg.new_session).parameters["model_name"].default == "bria-rmbg"
    for name in sessions_names:
        custom = name.endswith("_custom")
        spec = _models.spec_of(name, models.path("u2netp") if custom else None)
        assert (spec.recipe, spec.minmax, spec.alpha) == ("rembg", "before", "premultiplied")
        assert custom or spec.files
        assert spec.license or custom


def test_predict(session: Any) -> None:
    for mode in ("RGB", "RGBA", "L", "P"):
        (mask,) = session.predict(Image.fromarray(RGB).convert(mode), "more", kind=1)
        assert (mask.mode, mask.size) == ("L", (60, 40))
    np.testing.assert_array_equal(
        np.asarray(session.predict(Image.fromarray(RGB))[0]), rembg.remove(RGB, session=session, only_mask=True)
    )
    assert session.name() == session.model_name == "u2netp"


def test_threads_of_the_options_and_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    own = rembg.new_session("u2netp", sess_opts=SimpleNamespace(intra_op_num_threads=3), providers=CPU)
    assert "3 threads" in repr(own.session)
    monkeypatch.delenv("RMBG_FAST_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "5 threads" in repr(rembg.new_session("u2netp", providers=CPU).session)


def test_providers_that_cannot_be_had() -> None:
    with pytest.warns(RuntimeWarning, match="NobodyExecutionProvider cannot be had"):
        made = rembg.new_session("u2netp", providers=["NobodyExecutionProvider", ("CPUExecutionProvider", {})])
    assert made.session.provider == "CPUExecutionProvider"


def test_session_of_no_session_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def new_session(**kwargs: Any) -> rembg.RembgSession:
        made.append(kwargs)
        return rembg.new_session("u2netp", providers=CPU)

    monkeypatch.setattr("rmbg_fast.rembg._session.new_session", new_session)
    first = rembg.remove(RGB, api=1)
    np.testing.assert_array_equal(rembg.remove(RGB, api=1), first)
    assert made == [{"api": 1}]


def test_many_threads(session: Any) -> None:
    pictures = [np.roll(RGB, shift, 1) for shift in range(24)]
    alone = [rembg.remove(picture, session=session, post_process_mask=True) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: rembg.remove(one, session=session, post_process_mask=True), pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


# --- folders


@pytest.mark.parametrize("variable", ["U2NET_HOME", "REMBG_HOME"])
@pytest.mark.parametrize("place", ["models/u2net/u2net.onnx", "u2net.onnx"])
def test_files_in_rembgs_folders_are_taken(
    no_folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, place: str
) -> None:
    file = tmp_path / "there" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    older_elsewhere = variable == "REMBG_HOME" and "/" not in place
    assert _models.spec_of("u2net").path == (None if older_elsewhere else file)


@pytest.mark.parametrize("place", ["rembg/models/u2net/u2net.onnx", ".u2net/u2net.onnx"])
def test_files_in_the_users_own_folders_are_taken(no_folders: Path, place: str) -> None:
    assert _models.spec_of("u2net").path is None
    (no_folders / place).parent.mkdir(parents=True)
    (no_folders / place).write_bytes(b"weights")
    assert _models.spec_of("u2net").path == no_folders / place


def test_files_are_fetched_into_a_named_folder(
    no_folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "named"))
    asked = []

    def fetch(spec: Any, folder: Path) -> Path:
        asked.append(folder)
        folder.mkdir(parents=True)
        (folder / spec.files[0].filename).write_bytes(b"weights")
        return folder / spec.files[0].filename

    monkeypatch.setattr("rmbg_fast.models.download.fetch", fetch)
    spec = _models.fetched("u2net", _models.spec_of("u2net"))
    assert asked == [tmp_path / "named" / "models" / "u2net"]
    assert spec.path == _models.spec_of("u2net").path == asked[0] / "u2net.onnx"


# --- in the place of the name


def test_under_the_name_of_rembg() -> None:
    """In a process of its own: its submodules are imported by the name too, and the classes are the same ones."""
    program = """
        import sys
        import rmbg_fast.rembg
        sys.modules["rembg"] = rmbg_fast.rembg
        import rembg
        from rembg import new_session, remove
        from rembg.bg import remove as of_bg
        from rembg.session_factory import new_session as of_factory
        from rembg.sessions import BaseSession, sessions_names
        assert rembg is rmbg_fast.rembg and of_bg is remove and of_factory is new_session
        assert BaseSession is rmbg_fast.rembg.RembgSession and "u2net" in sessions_names
        assert rembg.__version__.split(".")[0] == "2"
        import numpy
        session = new_session("u2netp", providers=["CPUExecutionProvider"])
        assert isinstance(session, BaseSession)
        print(remove(numpy.zeros((20, 30, 3), numpy.uint8), session=session).shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(20, 30, 4)"), done.stderr


def test_the_name_of_rembg_is_left_alone() -> None:
    """Neither module is taken for the other."""
    program = """
        import sys
        import rmbg_fast.rembg
        assert "rembg" not in sys.modules
        import rmbg_fast
        assert rmbg_fast.rembg.remove is not rmbg_fast.remove
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)
