"""Raw frames in, raw frames or files out, in order."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from rmbg_fast import Session
from rmbg_fast._cli.main import main
from support import flow_models, small_network

COUNT, HEIGHT, WIDTH = 9, 24, 32
FRAMES = np.stack([flow_models.picture(index, HEIGHT, WIDTH) for index in range(COUNT)])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("frames"), slots=3)


@pytest.fixture
def streams(session: Session, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Standard input and output, and a command that runs on a small network."""
    given = SimpleNamespace(out=io.BytesIO())
    monkeypatch.setattr("rmbg_fast._cli.frames.make_session", lambda _: session)

    def come(data: bytes) -> None:  # called in the test: pytest puts its own streams there after the set-up
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=given.out, flush=lambda: None, isatty=lambda: False))

    given.come = come
    return given


def test_rgba_frames_in_order(session: Session, streams: SimpleNamespace) -> None:
    streams.come(FRAMES.tobytes())
    assert main(["frames", str(WIDTH), str(HEIGHT), "--jobs", "3"]) == 0
    wanted = [session.remove(frame, on_empty="ignore") for frame in FRAMES]
    assert streams.out.getvalue() == np.stack(wanted).tobytes()


def test_over_a_colour_and_masks(session: Session, streams: SimpleNamespace) -> None:
    streams.come(FRAMES.tobytes())
    assert main(["frames", str(WIDTH), str(HEIGHT), "--background", "white"]) == 0
    wanted = [session.remove(frame, background="white", on_empty="ignore") for frame in FRAMES]
    assert streams.out.getvalue() == np.stack(wanted).tobytes()
    streams.out.seek(0)
    streams.out.truncate()
    streams.come(FRAMES.tobytes())
    assert main(["frames", str(WIDTH), str(HEIGHT), "--mask"]) == 0
    assert streams.out.getvalue() == np.stack([session.mask(frame, on_empty="ignore") for frame in FRAMES]).tobytes()


def test_numbered_files(session: Session, streams: SimpleNamespace, tmp_path: Path) -> None:
    streams.come(FRAMES.tobytes())
    assert main(["frames", str(WIDTH), str(HEIGHT), "-o", str(tmp_path / "out")]) == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{number:06}.png" for number in range(1, COUNT + 1)]
    for file, frame in zip(files, FRAMES, strict=True):
        assert np.array_equal(np.asarray(Image.open(file)), session.remove(frame, on_empty="ignore"))
    assert streams.out.getvalue() == b""


def test_end_inside_of_a_frame_is_said_and_what_came_before_is_done(
    streams: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.come(FRAMES.tobytes()[:-5])
    assert main(["frames", str(WIDTH), str(HEIGHT)]) == 1
    assert len(streams.out.getvalue()) == (COUNT - 1) * HEIGHT * WIDTH * 4
    assert f"ends in frame {COUNT}" in capsys.readouterr().err


def test_no_frames_are_nothing_to_do(streams: SimpleNamespace) -> None:
    streams.come(b"")
    assert main(["frames", "8", "8"]) == 0
    assert streams.out.getvalue() == b""


@pytest.mark.parametrize(
    "arguments", [["--mask", "--background", "white"], ["-o", "out", "--format", "jpeg"]], ids=["mask", "jpeg"]
)
def test_what_does_not_go_together(
    arguments: list[str], streams: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    streams.come(b"")
    assert main(["frames", "8", "8", *arguments]) == 2
    assert "--background" in capsys.readouterr().err


def test_through_real_pipes(tmp_path: Path) -> None:
    model = small_network.saved(tmp_path).path
    run = [sys.executable, "-m", "rmbg_fast", "frames", str(WIDTH), str(HEIGHT), "--model", str(model)]
    done = subprocess.run(run, input=FRAMES.tobytes(), capture_output=True, timeout=120)
    assert (done.returncode, len(done.stdout)) == (0, COUNT * HEIGHT * WIDTH * 4), done.stderr
