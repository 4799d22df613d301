"""Where the command's results go, by the names and folders that it is given."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast._cli import main
from support.left_half import load, photo, tree

pytestmark = pytest.mark.usefixtures("session")


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
