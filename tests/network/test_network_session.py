"""Sessions with our own convolutions: their masks, details, environment, threads, and graphs that do not load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from rmbg_fast import ModelSpec, Session, _core, errors
from rmbg_fast._graphs import loading, prepared
from support.network_graphs import Builder, modnet, spec_of, u2net
from support.network_runs import TIERS
from support.parallel import in_threads

CAT = Path(__file__).parents[2] / "docs" / "pictures" / "cat.jpg"


@pytest.fixture
def grey_and_clear(tmp_path: Path) -> ModelSpec:
    return spec_of(tmp_path, modnet(), 48)


def photo(seed: int = 5) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((45, 70), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("build", [u2net, modnet])
def test_session_with_and_without_our_own(tmp_path: Path, build: Any) -> None:
    spec = spec_of(tmp_path, build(height=48, width=48), 48)
    own, plain = (Session(spec, device="cpu", threads=2, optimize=optimize) for optimize in (True, False))
    assert own.details["graph"] != plain.details["graph"]
    masks = [session.mask(photo(), dtype="float32") for session in (own, plain)]
    assert np.abs(masks[0] - masks[1]).max() < 1e-3  # the range of values is stretched to 0..1
    assert np.ptp(masks[0]) > 0.9


def test_details_name_the_convolutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RMBG_FAST_CONV", raising=False)
    original = modnet()
    for number, one in enumerate(original.graph.node):
        one.name = f"{one.op_type}_{number}" if number % 2 else ""
    known = {one.name or one.output[0] for one in original.graph.node if one.op_type == "Conv"}
    spec = spec_of(tmp_path, original, 48)
    details = Session(spec, device="cpu").details
    assert details["tier"] == _core.network_tier() != ""
    replaced, left = details["convolutions"]["replaced"], details["convolutions"]["left"]
    assert sorted([*replaced, *left]) == sorted(known)
    graph = onnx.load(details["graph"], load_external_data=False).graph
    assert left == [one.name or one.output[0] for one in graph.node if one.op_type == "Conv"]
    assert len(left) == 1  # with group
    details["convolutions"]["left"].clear()
    plain = Session(spec, device="cpu", optimize=False).details
    assert plain["tier"] == ""
    assert plain["convolutions"] == {"replaced": [], "left": []}


def test_environment_turns_it_off(grey_and_clear: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Session(grey_and_clear, device="cpu", optimize=False)
    monkeypatch.setenv("RMBG_FAST_CONV", "off")
    off = Session(grey_and_clear, device="cpu")
    assert off.details == plain.details
    assert np.array_equal(off.mask(photo()), plain.mask(photo()))


def test_environment_names_the_tier(grey_and_clear: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []
    for tier in TIERS:
        monkeypatch.setenv("RMBG_FAST_CONV", tier)
        session = Session(grey_and_clear, device="cpu")
        assert session.details["tier"] == tier
        masks.append(session.mask(photo(), dtype="float32"))
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
    missing = [name for name, runs in _core.network_tiers().items() if not runs]
    for name in ["sse", "AVX2", *missing]:
        monkeypatch.setenv("RMBG_FAST_CONV", name)
        with pytest.raises(errors.OptionError, match=f"'{name}'"):
            Session(grey_and_clear, device="cpu")


def test_graph_without_work_for_us_has_no_tier(tmp_path: Path) -> None:
    b = Builder(channels={"input": 3})
    b.conv("input", 1, 1)
    details = Session(spec_of(tmp_path, b.model("output", [1, 3, 32, 32]), 32), device="cpu").details
    assert details["tier"] == ""
    assert details["convolutions"] == {"replaced": [], "left": ["output"]}


def test_threads_share_a_session(grey_and_clear: ModelSpec) -> None:
    session = Session(grey_and_clear, device="cpu", threads=2)
    photos = [photo(seed) for seed in range(4)]
    wanted = [session.mask(image, dtype="float32") for image in photos]
    assert not np.array_equal(wanted[0], wanted[1])

    def same(number: int) -> bool:
        masks = (session.mask(photos[number], dtype="float32") for _ in range(15))
        return all(np.array_equal(mask, wanted[number]) for mask in masks)

    assert in_threads(4, same) == [True] * 4


def as_if_written(ready: Path) -> None:
    """Make the manifest describe what lies there now."""
    manifest = ready.with_suffix(".json")
    state = json.loads(manifest.read_text())
    state["files"] = {name: prepared._state(ready.with_name(name)) for name in state["files"]}
    manifest.write_text(json.dumps(state))


@pytest.mark.parametrize("damage", ["no graph", "another plan", "fewer weights"])
def test_session_makes_a_graph_anew_that_it_cannot_load(grey_and_clear: ModelSpec, damage: str) -> None:
    before = Session(grey_and_clear, device="cpu")
    wanted, ready = before.mask(photo()), Path(before.details["graph"])
    good = ready.read_bytes()
    del before
    graph = onnx.load(ready, load_external_data=False)
    if damage == "another plan":
        network = next(one for one in graph.graph.node if one.op_type == "Network")
        next(one for one in network.attribute if one.name == "plan").ints[0] += 1
    if damage == "fewer weights":
        ready.with_suffix(".weights").write_bytes(b"\0" * 64)
    ready.write_bytes(b"no graph" if damage == "no graph" else graph.SerializeToString())
    as_if_written(ready)
    loading._made_anew.clear()
    with pytest.warns(RuntimeWarning, match="cannot be loaded.*it is made anew"):
        after = Session(grey_and_clear, device="cpu")
    assert np.array_equal(after.mask(photo()), wanted)
    assert after.details["tier"] == _core.network_tier()
    assert ready.read_bytes() == good


def test_real_masks_with_and_without_our_own(isnet_session: Session) -> None:
    image = np.asarray(Image.open(CAT).convert("RGB"))
    details = isnet_session.details
    assert details["tier"] == _core.network_tier()
    assert len(details["convolutions"]["replaced"]) > 100
    plain = Session("isnet-general-use", device="cpu", optimize=False)
    assert plain.details["convolutions"]["replaced"] == []
    masks = [session.mask(image, dtype="float32").astype(np.float64) for session in (isnet_session, plain)]
    difference = np.abs(masks[0] - masks[1])
    assert difference.max() < 1 / 255
    assert difference.mean() < 0.05 / 255
    assert np.ptp(masks[0]) > 0.9
