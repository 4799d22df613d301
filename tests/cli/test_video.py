"""Videos: every frame at its time, alpha where the codec has it, and the sound as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import Session
from rmbg_fast._cli.main import main
from support import flow_models

av = pytest.importorskip("av")
COUNT, HEIGHT, WIDTH = 12, 48, 64


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("video"), slots=2)


@pytest.fixture(autouse=True)
def _small_network(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmbg_fast._cli.video.make_session", lambda _: session)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moving noise without loss, and a tone."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(path, "w") as file:
        video = file.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        sound = file.add_stream("aac", rate=44100)
        tone = np.sin(np.arange(44100 * COUNT // 25) / 20, dtype=np.float32)[None]
        samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate = 44100
        for index in range(COUNT):
            small = flow_models.picture(index, 6, 8).repeat(8, 0).repeat(8, 1)
            file.mux(video.encode(av.VideoFrame.from_ndarray(small, format="rgb24")))
        file.mux(video.encode(None))
        file.mux(sound.encode(samples))
        file.mux(sound.encode(None))
    return path


def decoded(path: Path, layout: str) -> list[np.ndarray]:  # type: ignore[type-arg]
    with av.open(path) as file:
        return [frame.to_ndarray(format=layout) for frame in file.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    with av.open(path) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def test_quicktime_rle_keeps_every_bit_the_times_and_the_sound(film: Path, session: Session, tmp_path: Path) -> None:
    target = tmp_path / "out.mov"
    assert main(["video", str(film), str(target), "--codec", "qtrle"]) == 0
    wanted = [session.remove(frame, on_empty="ignore") for frame in decoded(film, "rgb24")]
    cut = decoded(target, "rgba")
    assert len(cut) == COUNT
    assert all(np.array_equal(one, other) for one, other in zip(cut, wanted, strict=True))
    assert sound_of(target) == sound_of(film)
    with av.open(target) as file:
        times = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
    assert times == pytest.approx([index / 25 for index in range(COUNT)], abs=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [("a.mov", "prores_ks", []), ("a.webm", "libvpx-vp9", []), ("a.mp4", "libx264", ["--background", "white"])],
)
def test_codecs_by_suffix(film: Path, name: str, encoder: str, options: list[str], tmp_path: Path) -> None:
    if encoder not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {encoder}")
    target = tmp_path / name
    assert main(["video", str(film), str(target), *options]) == 0
    assert len(decoded(target, "rgb24")) == COUNT
    with av.open(target) as file:  # WebM takes no AAC: it is encoded anew
        samples = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert samples == pytest.approx(COUNT / 25, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["film.mkv", "out.avi"], "suffix"),
        (["film.mkv", "out.mp4"], "--background"),
        (["film.mkv", "out.webm", "--codec", "prores"], ".mov"),
    ],
)
def test_wrong_outputs_are_refused(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["video", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_video_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert main(["video", str(broken), str(tmp_path / "out.mov")]) == 1
    assert "broken.mp4" in capsys.readouterr().err
    assert main(["video", str(tmp_path / "none.mp4"), str(tmp_path / "out.mov")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["broken.mp4"]


def test_source_is_no_output(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = tmp_path / "film.mov"
    same.write_bytes(film.read_bytes())
    assert main(["video", str(same), str(same)]) == 2
    assert "is the source" in capsys.readouterr().err
    assert same.read_bytes() == film.read_bytes()


def test_missing_package_is_named(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["video", str(film), str(tmp_path / "out.mov")]) == 2
    assert "rmbg-fast[video]" in capsys.readouterr().err
