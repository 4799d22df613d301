"""Cut-outs are saved without loss, or not at all: nothing half written, no older file lost."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from rmbg_fast._images import writing
from rmbg_fast._storage import writing as storage
from rmbg_fast.errors import OptionError, OutputError
from support.pictures import RGBA, load

CUTOUT = Image.fromarray(RGBA)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".webp", ".tif", ".tiff"])
def test_cutouts_are_saved_without_loss(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"out{suffix}"
    writing.save(CUTOUT, target)
    saved = np.asarray(load(target))
    np.testing.assert_array_equal(saved[..., 3], RGBA[..., 3])
    visible = RGBA[..., 3] > 0
    np.testing.assert_array_equal(saved[visible], RGBA[visible])


@pytest.mark.parametrize("format", ["png", "webp", "tiff", "avif", "jpeg", "bmp"])
def test_opaque_results_are_saved_in_every_format(format: str, tmp_path: Path) -> None:
    if format == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    target = tmp_path / "out"
    writing.save(Image.new("RGB", (40, 30), (200, 100, 50)), target, format=format)
    saved = load(target)
    assert saved.format == format.upper()
    np.testing.assert_allclose(np.asarray(saved)[9, 9].astype(int), (200, 100, 50), atol=4)


def test_save_to_a_file_object() -> None:
    buffer = io.BytesIO()
    writing.save(CUTOUT, buffer)
    np.testing.assert_array_equal(np.asarray(Image.open(buffer)), RGBA)
    with pytest.raises(OutputError, match="file object"):
        writing.save(CUTOUT, io.BufferedReader(io.BytesIO()))  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("out.jpg", None, "JPEG holds no transparency"),
        ("out.bmp", None, "BMP holds no transparency"),
        ("out.png", "jpg", "JPEG holds no transparency"),
        ("out", None, "suffix of .*out.* choose from png"),
        ("out.xyz", None, "suffix"),
        ("out.png", "gif", "format 'gif'"),
    ],
)
def test_unusable_formats(name: str, format: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        writing.save(CUTOUT, tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())


def test_too_large_for_the_format(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="30000 x 2 pixels cannot be written as webp"):
        writing.save(Image.new("RGBA", (30000, 2)), tmp_path / "wide.webp")
    assert not list(tmp_path.iterdir())


class FullDisk(io.FileIO):
    def write(self, data: Any) -> int:
        super().write(bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("old", [None, b"an older result"])
def test_full_disk_leaves_the_old_file_and_no_other(
    old: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.png"
    if old is not None:
        target.write_bytes(old)
    monkeypatch.setattr(storage, "open", FullDisk, raising=False)
    with pytest.raises(OutputError, match=r"out\.png: cannot be written: No space left"):
        writing.save(CUTOUT, target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {"out.png": old})


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_failure_at_the_last_step(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    monkeypatch.setattr(storage.os, "replace", fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        writing.save(CUTOUT, target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.png": b"old"}


def test_unwritable_targets(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for target, message in [
        (tmp_path / "absent" / "out.png", "there is no folder"),
        (tmp_path, "Is a directory"),
        (file / "out.png", "Not a directory"),
        (tmp_path / ("x" * 300 + ".png"), "File name too long"),
        ("nul\0byte.png", "null"),
    ]:
        with pytest.raises(OutputError, match=message):
            writing.save(CUTOUT, target, format="png")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anything")
def test_write_protected_target(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    target.chmod(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        writing.save(CUTOUT, target)
    assert target.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
def test_devices_are_written_not_replaced() -> None:
    with pytest.raises(OutputError, match="No space left"):
        writing.save(CUTOUT, "/dev/full", format="png")
    writing.save(CUTOUT, os.devnull, format="png")
    assert Path("/dev/full").is_char_device()
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes and links")
def test_modes_and_links_of_the_target(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        writing.save(CUTOUT, tmp_path / "new.png")
    finally:
        os.umask(old)
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new.png").chmod(0o600)
    (tmp_path / "link.png").symlink_to("new.png")
    writing.save(Image.new("RGB", (2, 2)), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o600
    assert load(tmp_path / "new.png").size == (2, 2)
