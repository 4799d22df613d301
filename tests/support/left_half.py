"""A session for the command that takes the left half of any image for the subject; pictures for it."""

from __future__ import annotations

import io
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._call import Blend
from rmbg_fast._images import formats, reading, writing
from rmbg_fast._scene import Scene
from rmbg_fast.errors import ModelOutputError


class LeftHalf:
    """A stand-in for Session, which does one image at a time."""

    stats = SimpleNamespace(slots=1)
    made: ClassVar[list[dict[str, Any]]] = []
    timings: ClassVar = {"decode": 0.0, "infer": 2.0, "encode": 0.0}

    def __init__(self, model: str, *, device: str, threads: int | None, recipe: str | None) -> None:
        self.made.append({"model": model, "device": device, "threads": threads, "recipe": recipe})
        self.scene = Scene(0.5, (0.0, 1.0), "")
        self._inside = threading.Lock()

    def _turn(self, *_: Any) -> AbstractContextManager[bool]:
        return self._inside

    def _matte(self, image: Any, on_empty: str, **how: Any) -> tuple[reading.Source, Any]:
        source = reading.read(image, **how)
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
        crop: None = None,
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

    def _call(
        self,
        image: Any,
        on_empty: str,
        truncated: Any,
        crop: None,
        max_side: Any,
        output: writing.Output,
        as_file: bool,
        *,
        draft: bool,
    ) -> SimpleNamespace:
        source, mask = self._matte(image, on_empty, deep=as_file, truncated=truncated, max_side=max_side)

        def remove(blend: Blend) -> tuple[bytes, Scene, dict[str, float]]:
            behind = None if blend.background is None else blend.background.under(source)
            how = blend._replace(background=behind)._asdict()
            pixels = self.remove(source.pixels, **how, on_empty=on_empty)
            known = formats.output_format(output.format)
            return writing.encode(pixels, source.metadata, known, output), self.scene, self.timings

        return SimpleNamespace(source=source, mask=lambda: (mask, self.scene), remove=remove)


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


# --- standard input and output


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
