"""`rmbg-fast quantize`: what it writes and reports, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from rmbg_fast import Session
from rmbg_fast._cli import main
from rmbg_fast._quantize import comparison
from rmbg_fast.errors import ModelError
from rmbg_fast.models import metadata
from support.refusals import assert_refused
from support.small_network import SIZE, photos, saved


def test_command_writes_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path)
    target = tmp_path / "out.onnx"
    paths = [str(image) for image in pictures]
    options = ["-o", str(target), "--report", paths[2], "--trials", "4"]
    assert main.main(["quantize", str(spec.path), *paths[:2], *options]) == 0
    out, err = capsys.readouterr()
    assert "ranges of " in err
    assert "from 2 photos" in err
    assert "network 1 of at most 4" in err
    assert f"{target}: 0.0 MB; small.onnx: 0.0 MB" in out
    assert "head" in next(line for line in out.splitlines() if line.startswith("convolutions left in float: "))
    row = json.loads(next(entry.value for entry in onnx.load(target).metadata_props if entry.key == metadata.KEY))
    assert row["size"] == [SIZE, SIZE]
    assert row["output"] == 0
    made = replace(spec, path=target, output=0)
    assert Session(target, device="cpu").model.row() == replace(made, output=0).row()  # the file says it all
    found = comparison.difference(
        Session(made, device="cpu").mask(pictures[2], dtype="float32"),
        Session(spec, device="cpu", optimize=False).mask(pictures[2], dtype="float32"),
    )
    for name in (pictures[2].name, "all"):
        figures = next(line.split() for line in out.splitlines() if line.split()[:1] == [name])
        assert figures[1:] == [f"{found.mean:.3f}", f"{found.largest:.1f}", f"{found.iou:.4f}"]
    assert pictures[0].name not in out
    assert "float32 in ONNX Runtime" in out
    assert out.rstrip().splitlines()[-1].startswith("int8 in a Session is ")


def test_command_on_the_photos_themselves_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    (tmp_path / "photos").mkdir()
    photos(tmp_path / "photos", 2)
    target = str(tmp_path / "out.onnx")
    assert main.main(["quantize", str(spec.path), str(tmp_path / "photos"), "-o", target, "--trials", "1"]) == 0
    assert "compare on others with --report" in capsys.readouterr().out


def test_command_to_float16(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path, 1)
    target = tmp_path / "out.onnx"
    assert main.main(["quantize", str(spec.path), "-o", str(target), "--to", "fp16"]) == 0
    assert "No photos, no comparison" in capsys.readouterr().out
    assert target.stat().st_size < 0.7 * spec.path.stat().st_size  # type: ignore[union-attr]
    assert main.main(["quantize", str(spec.path), str(pictures[0]), "-o", str(target), "--to", "fp16"]) == 0
    assert "fp16 in ONNX Runtime is " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["small.onnx", "-o", "out.onnx"], 2, "needs photos"),
        (["nothing", "photo0.png", "-o", "out.onnx"], 1, "no model is called 'nothing'"),
        (["small.onnx", "photo0.png", "-o", "small.onnx"], 2, "would overwrite the source"),
        (["small.onnx", "photo0.png", "-o", "link.onnx"], 2, "would overwrite the source"),
        (["small.onnx", "photo0.png", "-o", "photo0.png"], 2, "must be called something.onnx"),
        (["small.onnx", "photo0.png", "-o", "missing/out.onnx"], 1, "there is no folder missing"),
        (["small.onnx", "small.toml", "-o", "out.onnx"], 1, "small.toml"),
        (["small.onnx", "photo0.png", "gone.png", "-o", "out.onnx"], 1, "gone.png"),
        (["small.onnx", "photo0.png", "--report", "gone.png", "-o", "out.onnx"], 1, "gone.png"),
        (["small.onnx", "empty", "-o", "out.onnx"], 1, "no image files in this folder"),
        (["small.onnx", "photo0.png", "-o", "out.onnx", "--goal", "-1"], 2, "--goal must be"),
        (["small.onnx", "photo0.png", "-o", "out.onnx", "--trials", "0"], 2, "--trials must be"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    why: str,
) -> None:
    saved(tmp_path)
    photos(tmp_path, 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.onnx").symlink_to("small.onnx")
    assert_refused(["quantize", *arguments], code, why, tmp_path, capsys, monkeypatch)


def test_older_output_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path, 1)
    target = tmp_path / "out.onnx"
    target.write_bytes(b"older")

    def fail(*_: Any, **__: Any) -> None:
        raise ModelError("cannot be measured")

    monkeypatch.setattr(comparison, "difference", fail)
    assert main.main(["quantize", str(spec.path), str(pictures[0]), "-o", str(target)]) == 1
    assert target.read_bytes() == b"older"
    assert not list(tmp_path.glob(".rmbg*"))
