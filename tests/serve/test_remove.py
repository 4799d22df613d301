"""What /v1 answers."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast import Session
from support import flow_models, tiny_models
from support.service import Answer, Served, form, served

PHOTO = flow_models.png(3)


def pixels(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.asarray(image)


def test_a_body_and_a_form_give_what_the_library_gives(here: Served, session: Session) -> None:
    raw = here.ask("/v1/remove", PHOTO, {"Content-Type": "image/png"})
    as_form = here.ask("/v1/remove", *form(PHOTO, {"other": "1"}))
    assert raw.headers["content-type"] == "image/png"
    assert raw.body == as_form.body == session.remove(PHOTO, on_empty="ignore")
    scene = session.scene
    assert scene is not None
    assert float(raw.headers["x-rmbg-coverage"]) == pytest.approx(scene.coverage, abs=1e-4)
    stages = re.findall(r"(\w+);dur=[\d.]+", raw.headers["server-timing"])
    assert stages == ["upload", "queue", "decode", "preprocess", "inference", "postprocess", "encode"]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("format=webp", {"format": "webp"}),
        ("background=white&format=jpeg", {"background": "white", "format": "jpeg"}),
        ("background=%23ff8800", {"background": (255, 136, 0)}),
        ("threshold=128", {"threshold": 128}),
        ("alpha=premultiplied", {"alpha": "premultiplied"}),
        ("foreground=estimate", {"foreground": "estimate"}),
        ("crop=true", {"crop": True}),
        ("crop=3", {"crop": 3}),
        ("max_side=20", {"max_side": 20}),
        ("format=npy", {"format": "npy"}),
    ],
)
def test_options_are_the_librarys(here: Served, session: Session, query: str, options: dict[str, Any]) -> None:
    answer = here.ask(f"/v1/remove?{query}", PHOTO)
    assert answer.status == 200, answer.body
    assert answer.body == session.remove(PHOTO, on_empty="ignore", **options)


def test_raw_pixels_come_with_their_size(here: Served, session: Session) -> None:
    answer = here.ask("/v1/remove?format=rgba&crop=2", PHOTO)
    wanted = session.remove(PHOTO, crop=2, on_empty="ignore")
    size = int(answer.headers["x-rmbg-height"]), int(answer.headers["x-rmbg-width"]), 4
    with Image.open(io.BytesIO(wanted)) as image:
        assert np.array_equal(np.frombuffer(answer.body, np.uint8).reshape(size), np.asarray(image))


def test_masks(here: Served, session: Session) -> None:
    wanted = session.mask(PHOTO, on_empty="ignore")
    assert np.array_equal(pixels(here.ask("/v1/mask", PHOTO)), wanted)
    assert np.array_equal(pixels(here.ask("/v1/remove?format=mask-png", PHOTO)), wanted)
    hard = pixels(here.ask("/v1/mask?threshold=100&crop=0", PHOTO))
    assert np.array_equal(hard, (session.mask(PHOTO, crop=0, on_empty="ignore") >= 100) * np.uint8(255))
    assert np.array_equal(np.load(io.BytesIO(here.ask("/v1/mask?format=npy", PHOTO).body)), wanted)


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("*/*", "", "image/png"),
        ("image/webp", "", "image/webp"),
        ("image/png;q=0.5, image/webp", "", "image/webp"),
        ("image/jpeg, image/*;q=0.1", "", "image/png"),
        ("image/jpeg, image/*;q=0.1", "?background=red", "image/jpeg"),
        ("image/webp", "?format=png", "image/png"),
        ("application/x-npy", "", "application/x-npy"),
    ],
)
def test_accept_is_honoured(here: Served, accept: str, query: str, kind: str) -> None:
    assert here.ask(f"/v1/remove{query}", PHOTO, {"Accept": accept}).headers["content-type"] == kind


def test_nothing_acceptable_is_said(here: Served) -> None:
    answer = here.ask("/v1/remove", PHOTO, {"Accept": "text/html, image/png;q=0"})
    assert answer.status == 406
    assert "image/webp" in answer.problem["detail"]


def test_a_picture_without_a_subject_is_said(tmp_path: Path) -> None:
    none = Session(tiny_models.tiny(tmp_path / "none.onnx", tiny_models.constant(0.0)), device="cpu")
    with served({"none": none}) as running:
        answer = running.ask("/v1/remove", PHOTO)
    assert answer.headers["x-rmbg-empty"] == none.predict(PHOTO, on_empty="ignore").scene.empty != ""
    assert answer.headers["x-rmbg-coverage"] == "0.0000"
    assert pixels(answer)[..., 3].max() == 0


def test_models_are_listed_and_no_other_is_had(here: Served, session: Session) -> None:
    listed = json.loads(here.ask("/v1/models").body)["models"]
    assert [row["name"] for row in listed] == [session.model.name]
    assert here.ask(f"/v1/remove?model={session.model.name}", PHOTO).status == 200
    answer = here.ask("/v1/remove?model=u2netp", PHOTO)
    assert answer.status == 422
    assert answer.problem["parameter"] == "model"
