"""The command, with a session that takes the left half of any image for the subject; one run with the real model."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._cli import main
from rmbg_fast._images import reading, writing
from rmbg_fast._scene import Scene
from rmbg_fast._storage import writing as storage
from rmbg_fast.errors import DeviceError, ModelError, ModelOutputError, OptionError, RmbgError, RuntimeNotFoundError


class LeftHalf:
    """A stand-in for Session."""

    made: ClassVar[list[dict[str, Any]]] = []
    timings: ClassVar = {"decode": 0.0, "infer": 2.0, "encode": 0.0}

    def __init__(self, model: str, *, device: str, threads: int | None, recipe: str | None) -> None:
        self.made.append({"model": model, "device": device, "threads": threads, "recipe": recipe})
        self.scene = Scene(0.5, (0.0, 1.0), "")

    def _matte(self, image: Any, on_empty: str) -> tuple[reading.Source, Any]:
        source = reading.read(image)
        self.scene = Scene(0.5, (0.0, 1.0), "there is no subject" if source.pixels.shape[:2] == (12, 12) else "")
        if self.scene.empty and on_empty == "raise":
            raise ModelOutputError("there is no subject")
        if source.pixels.shape[:2] == (13, 13):
            raise ModelOutputError("the mask has one constant value")
        if source.pixels.shape[:2] == (14, 14):
            raise ZeroDivisionError("a defect")
        mask = np.zeros_like(source.pixels, shape=source.pixels.shape[:2])
        mask[:, : mask.shape[1] // 2] = 200 * (np.iinfo(mask.dtype).max // 255)
        return source, mask

    def remove(
        self,
        image: Any,
        *,
        background: Any = None,
        alpha: Any = None,
        threshold: Any = None,
        foreground: str = "keep",
        on_empty: str = "warn",
    ) -> Any:
        source, mask = self._matte(image, on_empty)
        rgb = np.broadcast_to(np.atleast_3d(source.pixels)[..., :3], (*mask.shape, 3))
        if threshold is not None:
            mask = (mask >= threshold).astype(np.uint8) * 255
        if alpha == "premultiplied":
            rgb = (rgb * (mask[..., None] / 255)).astype(np.uint8)
        if background is not None:
            return writing.finish(source, np.where(mask[..., None] > 0, rgb, np.array(background, np.uint8)))
        return writing.finish(source, np.dstack([rgb, mask]))

    def mask(self, image: Any, *, dtype: str, on_empty: str) -> Any:
        mask = self._matte(image, on_empty)[1]
        assert mask.dtype == dtype
        return mask


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[LeftHalf]]:
    """Every test runs in an empty folder, with LeftHalf for Session, and must leave no temporary file."""
    LeftHalf.made.clear()
    monkeypatch.setattr("rmbg_fast.session.Session", LeftHalf)
    monkeypatch.chdir(tmp_path)
    yield LeftHalf
    assert not list(tmp_path.rglob("*.tmp"))


def photo(path: str, colour: Any = (10, 20, 30), size: tuple[int, int] = (8, 6)) -> bytes:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return Path(path).read_bytes()


def load(path: str | Path) -> Image.Image:
    return Image.open(io.BytesIO(Path(path).read_bytes()))


def tree() -> list[str]:
    return sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


# --- where results go


@pytest.mark.parametrize(
    ("sources", "arguments", "results"),
    [
        ("cat.jpg", "cat.jpg", "cat-cutout.png"),
        ("cat.jpg", "cat.jpg --mask", "cat-mask.png"),
        ("cat.jpg", "cat.jpg --format webp", "cat-cutout.webp"),
        ("cat.jpg", "cat.jpg --format jpg --background white", "cat-cutout.jpg"),
        ("a/cat.jpg", "a/cat.jpg", "a/cat-cutout.png"),
        ("cat.jpg", "cat.jpg -o out.png", "out.png"),
        ("cat.jpg", "cat.jpg -o out.tif", "out.tif"),
        ("cat.jpg", "cat.jpg -o out --format png", "out"),
        ("cat.jpg", "cat.jpg -o out/", "out/cat.png"),
        ("cat.jpg sub/x.jpg", "cat.jpg -o sub", "sub/cat.png"),
        ("a.b.jpg", "a.b.jpg -o out/", "out/a.b.png"),
        ("a.jpg b.jpg", "a.jpg b.jpg", "a-cutout.png b-cutout.png"),
        ("a.jpg b.jpg", "a.jpg b.jpg a.jpg -o new/deep", "new/deep/a.png new/deep/b.png"),
        ("p/a.jpg p/q/b.jpg", "p", "p-cutout/a.png p-cutout/q/b.png"),
        ("p/a.jpg p/q/b.jpg", "p/ --mask", "p-mask/a.png p-mask/q/b.png"),
        ("p/a.jpg p/q/b.jpg", "p -o out", "out/a.png out/q/b.png"),
        ("p/a.jpg p/q/b.jpg", "p -o p/out", "p/out/a.png p/out/q/b.png"),
        ("p/a.jpg r/a.jpg c.jpg", "p r c.jpg -o out", "out/c.png out/p/a.png out/r/a.png"),
        ("p/a.jpg p/.b.jpg p/.git/c.jpg p/d.JPG", "p -o out", "out/a.png out/d.png"),
        ("a.jpg a.png", "a.jpg a.png -o out", "out/a.jpg.png out/a.png.png"),
        ("a.jpg a.png", "a.jpg a.png", "a.jpg-cutout.png a.png-cutout.png"),
        ("A.jpg a.png b.png", "A.jpg a.png b.png -o out", "out/A.jpg.png out/a.png.png out/b.png"),
        ("a.jpg a.png a.jpg.png", "a.jpg a.png a.jpg.png -o o", "o/a.jpg.png o/a.png.png o/a.jpg.png.png"),
        ("a.jpg a.png", "a.jpg a.png -o .", "a.jpg.png a.png.png"),
        ("p/a.jpg p/a.png q.jpg", "p -o p", "p/a.jpg.png p/a.png.png"),
    ],
)
def test_targets(sources: str, arguments: str, results: str) -> None:
    before = {source: photo(source) for source in sources.split()}
    assert main.main(["remove", *arguments.split()]) == 0
    assert tree() == sorted([*before, *results.split()])
    assert {source: Path(source).read_bytes() for source in before} == before
    for result in results.split():
        assert load(result).size == (8, 6)


def test_a_second_folder_run_gives_the_same_tree() -> None:
    photo("p/a.jpg")
    for _ in range(2):
        assert main.main(["remove", "p", "-o", "p/out"]) == 0
    assert tree() == ["p/a.jpg", "p/out/a.png"]


def test_the_current_folder_as_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo("p/a.jpg")
    monkeypatch.chdir("p")
    assert main.main(["remove", "."]) == 0
    assert (tmp_path / "p-cutout" / "a.png").is_file()


def test_linked_folders_are_not_followed() -> None:
    photo("p/a.jpg")
    Path("p/loop").symlink_to(".", target_is_directory=True)
    assert main.main(["remove", "p", "-o", "out"]) == 0
    assert tree() == ["out/a.png", "p/a.jpg"]


def test_older_results_are_replaced() -> None:
    photo("cat.jpg")
    Path("cat-cutout.png").write_bytes(b"old")
    assert main.main(["remove", "cat.jpg"]) == 0
    assert load("cat-cutout.png").mode == "RGBA"


# --- what results hold


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


# --- standard input and output


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


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


# --- wrong usage: exit code 2 before any work


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "usage"),
        ("remove", "IN"),
        ("remove a.jpg --threshold 0", "1..255, not '0'"),
        ("remove a.jpg --threshold 256", "1..255, not '256'"),
        ("remove a.jpg --threshold x", "not 'x'"),
        ("remove a.jpg --threads 0", "at least 1"),
        ("remove a.jpg --background whitish", "is no opaque colour"),
        ("remove a.jpg --alpha none", "premultiplied"),
        ("remove a.jpg --format gif", "format 'gif'"),
        ("remove a.jpg --format jpeg", "jpeg holds no transparency: add --background"),
        ("remove a.jpg -o out.jpg", "jpeg holds no transparency: add --background"),
        ("remove a.jpg -o out.bmp", "bmp holds no transparency"),
        ("remove a.jpg -o out.xyz", "suffix of 'out.xyz'"),
        ("remove a.jpg -o out", "suffix of 'out'"),
        ("remove a.jpg --mask --background red", "--mask"),
        ("remove a.jpg --mask --alpha premultiplied", "--mask"),
        ("remove a.jpg b.jpg -o b.jpg", "b.jpg: is a file"),
        ("remove p -o a.jpg", "a.jpg: is a file"),
        ("remove a.jpg - -o out/", "'-' stands for one image"),
        ("remove a.jpg b.jpg -o -", "'-' stands for one image"),
        ("remove p -o -", "'-' stands for one image"),
        ("remove a.jpg -o a.jpg --background red", "a.jpg would overwrite the source a.jpg"),
        ("remove a.jpg -o ./p/../a.jpg --background red", "would overwrite the source"),
        ("remove a.jpg -o link.png", "link.png would overwrite the source a.jpg"),
        ("remove a.jpg -o hard.png", "hard.png would overwrite the source a.jpg"),
        ("remove c.png -o .", "would overwrite the source c.png"),
        ("remove p -o p", "would overwrite the source p/q.png"),
        ("remove a.jpg a-cutout.png", "would overwrite the source a-cutout.png"),
        ("remove a-cutout.png a.jpg", "would overwrite the source a-cutout.png"),
        ("remove p/bare p/../p/bare -o out", "would both be written to"),
        ("remove / -o -", "'-' stands for one image"),
        ("remove /", "name the output folder"),
        ("remove EMPTY", "a file name is empty"),
        ("remove a.jpg -o EMPTY", "a file name is empty"),
        ("models", "ACTION"),
        ("models pull", "NAME"),
    ],
)
def test_wrong_usage(arguments: str, message: str, session: type[LeftHalf], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jpg", "b.jpg", "c.png", "a-cutout.png", "p/q.png"):
        photo(name)
    Path("p/bare").write_bytes(Path("a.jpg").read_bytes())
    Path("link.png").symlink_to("a.jpg")
    os.link("a.jpg", "hard.png")
    before = {name: Path(name).read_bytes() for name in tree()}
    assert main.main([argument.replace("EMPTY", "") for argument in arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in tree()} == before
    assert session.made == []


# --- failures: exit code 1 and a line for each


def test_bad_images_do_not_stop_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    good = photo("p/a-good.png")
    photo("p/z-good.jpg")
    photo("p/constant.png", size=(13, 13))
    photo("p/defect.png", size=(14, 14))
    Path("p/empty.png").touch()
    Path("p/text.jpg").write_text("hello")
    Path("p/cut.png").write_bytes(good[:50])
    Path("p/broken.png").symlink_to("nowhere.png")
    assert main.main(["remove", "p", "-o", "out"]) == 1
    assert [path for path in tree() if path.startswith("out")] == ["out/a-good.png", "out/z-good.png"]
    found = lines(capsys)
    assert all(line.startswith("rmbg-fast: ") for line in found)
    reasons = {line.split(": ", 2)[1]: line.split(": ", 2)[2] for line in found}
    assert len(found) == len(reasons) == 6
    assert reasons["p/broken.png"] == "no such file"
    assert reasons["p/constant.png"] == "the mask has one constant value"
    assert reasons["p/defect.png"] == "unexpected ZeroDivisionError: a defect"
    assert reasons["p/empty.png"] == "is empty, 0 bytes"
    assert reasons["p/cut.png"].startswith("cannot be decoded")
    assert reasons["p/text.jpg"].startswith("is no image")


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_folder_run_leaves_pipes_alone() -> None:
    photo("p/a.jpg")
    os.mkfifo("p/pipe.png")
    os.mkfifo("elsewhere")
    Path("p/link.png").symlink_to("../elsewhere")
    Path("p/device.png").symlink_to("/dev/zero")
    Path("p/folder.png").symlink_to("..", target_is_directory=True)
    assert main.main(["remove", "p", "-o", "out"]) == 0
    assert list(map(str, Path("out").iterdir())) == ["out/a.png"]


def test_names_that_differ_in_case_alone() -> None:
    photo("p/IMG_1.jpg", (200, 0, 0))
    photo("p/img_1.jpg", (0, 0, 200))
    if len(list(Path("p").iterdir())) == 1:
        pytest.skip("this file system does not tell them apart")
    assert main.main(["remove", "p", "-o", "out"]) == 0
    assert tree() == ["out/IMG_1.png", "out/img_1.png", "p/IMG_1.jpg", "p/img_1.jpg"]
    assert [np.asarray(load(f"out/{name}.png"))[0, 0, 0] > 100 for name in ("IMG_1", "img_1")] == [True, False]


def test_a_file_system_that_does_not_tell_cases_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo("p/IMG_1.jpg")
    photo("p/img_1.jpg")
    real = os.path.lexists
    probed = ".rmbg-fast-"
    monkeypatch.setattr(os.path, "lexists", lambda path: probed in os.fspath(path) or real(path))
    assert main.main(["remove", "p", "-o", "out"]) == 2
    assert "would both be written to" in capsys.readouterr().err
    assert tree() == ["p/IMG_1.jpg", "p/img_1.jpg"]


def test_missing_files_and_empty_folders(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    Path("empty").mkdir()
    assert main.main(["remove", "absent.jpg", "a.jpg", "empty"]) == 1
    assert sorted(lines(capsys)) == [
        "rmbg-fast: absent.jpg: no such file",
        "rmbg-fast: empty: no image files in this folder",
    ]
    assert tree() == ["a-cutout.png", "a.jpg"]
    assert main.main(["remove", "empty"]) == 1


def test_unreadable_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photo("p/a.jpg")
    photo("p/locked/b.jpg")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.path.basename(os.fspath(path)) == "locked":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main.main(["remove", "p", "-o", "out"]) == 1
    monkeypatch.undo()
    assert lines(capsys) == ["rmbg-fast: p/locked: cannot be read: Permission denied"]


def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    photo("b.jpg")
    assert main.main(["remove", "a.jpg", "-o", "absent/a.png"]) == 1
    assert main.main(["remove", "a.jpg", "b.jpg", "-o", "b.jpg/out"]) == 1
    real = storage.write

    def full(target: Any, data: bytes) -> None:
        if "a-cutout" in str(target):
            raise OSError(28, "No space left on device")
        real(target, data)

    monkeypatch.setattr(storage, "write", full)
    assert main.main(["remove", "a.jpg", "b.jpg"]) == 1
    found = lines(capsys)
    assert len(found) == 4
    assert "there is no folder absent" in found[0]
    assert "the folder cannot be made" in found[1]
    assert "No space left" in found[3]
    assert tree() == ["a.jpg", "b-cutout.png", "b.jpg"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("no model is called 'x'"), 1),
        (DeviceError("no libcudart.so.12"), 1),
        (RuntimeNotFoundError("ONNX Runtime is not installed"), 1),
        (OptionError("device 'gpu' is unknown"), 2),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_no_session(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    photo("a.jpg")
    monkeypatch.setattr("rmbg_fast.session.Session", fail)
    assert main.main(["remove", "a.jpg"]) == code
    found = lines(capsys)
    if isinstance(error, RmbgError):
        assert found == [f"rmbg-fast: {error}"]
    assert tree() == ["a.jpg"]


def test_interrupted_run_keeps_whole_files(monkeypatch: pytest.MonkeyPatch) -> None:
    photo("a.jpg")
    photo("b.jpg")
    replace, calls = os.replace, []

    def interrupt(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", interrupt)
    assert main.main(["remove", "a.jpg", "b.jpg"]) == 130
    assert tree() == ["a-cutout.png", "a.jpg", "b.jpg"]


def test_closed_pipe_is_quiet() -> None:
    """`rmbg-fast models list | true` as a process: no traceback, not even at exit."""
    script = "import sys; from rmbg_fast._cli import main; sys.exit(main.main(['models', 'list']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""


# --- messages


def test_verbose_names_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    assert main.main(["remove", "a.jpg", "-v"]) == 0
    (line,) = lines(capsys)
    assert re.fullmatch(
        r"a\.jpg -> a-cutout\.png: decode \d+ ms, infer 2 ms, encode \d+ ms, write \d+ ms, in all \d+ ms", line
    )


@pytest.mark.parametrize(("images_in", "terminal", "bar"), [(4, True, True), (3, True, False), (4, False, False)])
def test_bar(
    images_in: int, terminal: bool, bar: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    for number in range(images_in):
        photo(f"p/{number}.png", size=(13, 13) if number == 0 else (8, 6))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert main.main(["remove", "p"]) == 1
    shown = capsys.readouterr().err
    assert ("image/s" in shown) is bar
    assert "rmbg-fast: p/0.png: the mask has one constant value" in shown


def test_no_bar_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        photo(f"p/{number}.png")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main.main(["remove", "p"]) == 0


@pytest.mark.parametrize("mask", ["", " --mask"])
@pytest.mark.parametrize(
    ("choice", "code", "line"),
    [
        ("", 0, ["rmbg-fast: note: empty.png: there is no subject"]),
        (" --on-empty ignore", 0, []),
        (" --on-empty raise", 1, ["rmbg-fast: empty.png: there is no subject"]),
    ],
)
def test_pictures_without_a_subject(
    choice: str, code: int, line: list[str], mask: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photo("empty.png", size=(12, 12))
    photo("full.png")
    assert main.main(["remove", *f"empty.png full.png -o out/{choice}{mask}".split()]) == code
    assert lines(capsys) == line
    assert Path("out/full.png").exists()
    assert Path("out/empty.png").exists() is (code == 0)


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warn(*_: Any, **__: Any) -> LeftHalf:
        warnings.warn("the licence forbids commercial use", UserWarning, stacklevel=1)
        return LeftHalf("m", device="cpu", threads=None, recipe=None)

    photo("a.jpg")
    monkeypatch.setattr("rmbg_fast.session.Session", warn)
    assert main.main(["remove", "a.jpg"]) == 0
    assert lines(capsys) == ["rmbg-fast: note: the licence forbids commercial use"]


# --- the other commands


def test_models_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    assert main.main(["models", "list"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:2] == ["NAME", "LICENCE"]
    rows = {line.split()[0]: line for line in table[1:]}
    assert "Apache-2.0" in rows["isnet-general-use"]
    assert rows["isnet-general-use"].endswith(" no")
    assert set(rows) >= {"rmbg-1.4", "rmbg-2.0", "u2netp"}


def test_models_pull_and_path(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Path:
        if name == "bad":
            raise ModelError("no model is called 'bad'")
        return Path("models", f"{name}.onnx")

    for action in ("pull", "path"):
        monkeypatch.setattr(f"rmbg_fast.models.{action}", found)
        assert main.main(["models", action, "one"]) == 0
        assert main.main(["models", action, "bad", "two"]) == 1
        captured = capsys.readouterr()
        assert captured.out.splitlines() == [str(Path("models/one.onnx")), str(Path("models/two.onnx"))]
        assert captured.err.splitlines() == ["rmbg-fast: no model is called 'bad'"]


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.2.3 of {name}")
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == "rmbg-fast 1.2.3 of rmbg-fast\n"


def test_info(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"version": "1", "tiers": ["avx2", "baseline"], "runtime": None}
    from rmbg_fast._runtime import build_info as module

    monkeypatch.setattr(module, "build_info", lambda: facts)
    assert main.main(["info"]) == 0
    assert capsys.readouterr().out.splitlines() == ["version  1", "tiers    avx2, baseline", "runtime  -"]
    assert main.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == facts


def test_demo_without_scikit_image(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    assert main.main(["demo"]) == 1
    assert "pip install 'rmbg-fast[demo]'" in lines(capsys)[0]
    assert tree() == []


def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage")
    assert main.main(["demo", "-o", "new/out"]) == 0
    names = ["cat.png", "cat-mask.png", "cat-cutout.png", "cat-side-by-side.png"]
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()[:4]] == names
    cat, mask, cutout, both = (load(Path("new/out", name)) for name in names)
    assert (cat.mode, mask.mode, cutout.mode, both.size) == ("RGB", "L", "RGBA", (2 * cat.width, cat.height))
    board = np.asarray(both)[:, cat.width + cat.width // 2 :]
    assert set(np.unique(board)) == {190, 235}


def test_a_real_cat(isnet_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    skimage_data = pytest.importorskip("skimage.data")
    Image.fromarray(skimage_data.chelsea()).save("cat.jpg", quality=95)
    monkeypatch.setattr("rmbg_fast.session.Session", lambda *_, **__: isnet_session)
    assert main.main(["remove", "cat.jpg", "-o", "cat.png"]) == 0
    alpha = np.asarray(load("cat.png"))[..., 3]
    assert alpha[150, 220] > 240  # between the eyes
    assert alpha[60, 440] < 10  # the room behind
    assert 0.6 < (alpha > 127).mean() < 0.9
