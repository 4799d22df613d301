"""The real model on real photos against plain onnxruntime + NumPy; sessions, threads, models that do not fit."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from skimage import data

import rmbg_fast
from rmbg_fast import ModelSpec, Session, errors, ops
from rmbg_fast._runtime import library
from support.parallel import in_threads

PHOTOS = {"cat": data.chelsea, "astronaut": data.astronaut}
SIZE = 32


@pytest.fixture(scope="module")
def plain(isnet_path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(isnet_path, providers=["CPUExecutionProvider"])


def two_taps(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """Half-pixel bilinear without antialias of the first two axes, in float64."""
    for axis, out in enumerate(size):
        length = plane.shape[axis]
        at = np.clip((np.arange(out) + 0.5) * length / out - 0.5, 0, length - 1)
        first = np.floor(at).astype(int)
        weight = (at - first).reshape((-1,) + (1,) * (plane.ndim - axis - 1))
        a, b = np.take(plane, first, axis), np.take(plane, np.minimum(first + 1, length - 1), axis)
        plane = a * (1 - weight) + b * weight
    return plane


@pytest.mark.parametrize("name", PHOTOS)
def test_mask_is_the_official_recipe_s(name: str, plain: onnxruntime.InferenceSession, isnet_session: Session) -> None:
    photo = PHOTOS[name]()
    tensor = np.floor(two_taps(photo.astype(np.float64), (1024, 1024)) + 1e-9) / 255 - 0.5
    output = plain.run(["output"], {"input": tensor.transpose(2, 0, 1)[None].astype(np.float32)})[0]
    enlarged = two_taps(output[0, 0].astype(np.float64), photo.shape[:2])
    wanted = ((enlarged - enlarged.min()) / (enlarged.max() - enlarged.min()) * 255).astype(np.uint8)
    mask = isnet_session.mask(photo)
    difference = np.abs(mask.astype(int) - wanted)
    assert difference.mean() < 0.05
    assert difference.max() <= 1
    assert mask.min() == 0
    assert mask.max() == 255
    assert 0.1 < (mask > 127).mean() < 0.9


def test_cutout_is_mask_and_photo(isnet_session: Session) -> None:
    photo = data.chelsea()
    mask = isnet_session.mask(photo)
    cutout = isnet_session.remove(photo)
    assert np.array_equal(cutout[..., 3], mask)
    assert np.array_equal(cutout[..., :3], np.where(mask[..., None] > 0, photo, 0))
    assert list(isnet_session.timings) == ["decode", "preprocess", "inference", "postprocess", "encode"]
    assert isnet_session.provider == "CPUExecutionProvider"


def test_the_same_kind_comes_out(isnet_session: Session, tmp_path: Path) -> None:
    picture = Image.fromarray(data.chelsea())
    path = tmp_path / "cat.png"
    picture.save(path)
    whole = np.asarray(isnet_session.remove(path))
    from_bytes = isnet_session.remove(path.read_bytes())
    assert from_bytes.startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(from_bytes))), whole)
    assert np.array_equal(np.asarray(isnet_session.remove(picture)), whole)


def tiny(path: Path, nodes: list[onnx.NodeProto], *, shape: list[Any] | None = None) -> ModelSpec:
    """A model of a few nodes on `input` [1, 3, SIZE, SIZE] with the output `output`."""
    shape = shape or [1, 3, SIZE, SIZE]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return ModelSpec.for_file(path, like="isnet-general-use", size=(SIZE, SIZE))


def mean_of_channels() -> list[onnx.NodeProto]:
    return [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)]


def constant(value: float) -> list[onnx.NodeProto]:
    tensor = helper.make_tensor("v", TensorProto.FLOAT, [1], [value])
    return [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Shape", ["mean"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["output"], value=tensor),
    ]


@pytest.fixture
def grey_model(tmp_path: Path) -> ModelSpec:
    return tiny(tmp_path / "grey.onnx", mean_of_channels())


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (70, 45, 3), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_arrays_of_every_kind(grey_model: ModelSpec, dtype: Any, channels: int | None) -> None:
    session = Session(grey_model, device="cpu")
    shape = (31, 47) if channels is None else (31, 47, channels)
    image = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    result = session.remove(image)
    assert result.dtype == dtype
    assert result.shape == (31, 47, 4)
    assert session.remove(image, background="white").shape == (31, 47, 3)
    assert set(np.unique(session.remove(image, threshold=128)[..., 3])) <= {0, np.iinfo(dtype).max}
    out = np.empty_like(result)
    assert session.remove(image, out=out) is out
    assert np.array_equal(out, result)
    for mask_type in ("uint8", "uint16", "float32"):
        assert session.mask(image, dtype=mask_type).dtype == np.dtype(mask_type)


def test_many_threads_share_a_session(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu", threads=2)
    wanted = session.remove(photo)

    def same(_: int) -> bool:
        return all(np.array_equal(session.remove(photo), wanted) for _ in range(20))

    assert in_threads(6, same) == [True] * 6
    assert session.timings["inference"] > 0


def test_remove_keeps_its_session(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    first = rmbg_fast.remove(photo, model=grey_model, device="cpu")
    assert grey_model.path is not None
    for file in grey_model.path.parent.glob("*.onnx"):
        file.unlink()
    assert np.array_equal(rmbg_fast.remove(photo, model=grey_model, device="cpu"), first)


def ramp(least: float, largest: float) -> list[onnx.NodeProto]:
    """A mask that rises from left to right, whatever the image."""
    row = np.linspace(least, largest, SIZE, dtype=np.float32)
    plane = numpy_helper.from_array(np.tile(row, (1, 1, SIZE, 1)), "plane")
    return [helper.make_node("Constant", [], ["output"], value=plane)]


NAN, INF = float("nan"), float("inf")
SCENES = [
    (constant(NAN), {}, "no finite value", 0.0),
    (constant(INF), {}, "no finite value", 0.0),
    (constant(0.25), {}, "constant", 0.0),
    (constant(1.0), {}, "constant", 1.0),  # a picture full of subject
    (constant(0.25), {"empty": "opaque"}, "constant", 1.0),
    (constant(0.25), {"minmax": "before"}, "constant", 0.0),
    (constant(0.25), {"minmax": "none"}, "", 0.25),
    (constant(0.25), {"recipe": "rembg"}, "constant", 0.0),
    (constant(0.75), {"recipe": "rembg"}, "constant", 1.0),
    (constant(0.01), {"recipe": "rmbg-2.0", "empty": "opaque"}, "no subject", 1.0),
    (constant(1.0), {"recipe": "rmbg-2.0"}, "", 1.0),
    (ramp(0, 0.004), {}, "no subject.*0.00", 0.0),  # min-max would make an opaque blob of it
    (ramp(0, 0.004), {"empty": "opaque"}, "no subject", 1.0),
    (ramp(0, 0.004), {"minmax": "none"}, "no subject", 0.0),
    (ramp(0, 0.004), {"empty_below": 0.001}, "", None),
    (ramp(0.3, 0.31), {}, "constant", 0.0),  # noise around one value
    (ramp(0.96, 0.98), {}, "constant", 1.0),
    (ramp(0, 0.2), {}, "", None),
]


@pytest.mark.filterwarnings("ignore::rmbg_fast.EmptyMaskWarning")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("nodes", "recipe", "problem", "alpha"), SCENES)
def test_scenes_without_a_subject(
    tmp_path: Path, nodes: list[onnx.NodeProto], recipe: dict[str, Any], problem: str, alpha: float | None, dtype: Any
) -> None:
    session = Session(tiny(tmp_path / "flat.onnx", nodes), device="cpu", recipe=recipe)
    photo = np.full((70, 45, 3), 7, dtype)
    out = np.full((70, 45, 4), 9, dtype)
    if problem:
        with pytest.raises(errors.ModelOutputError, match=problem):
            session.remove(photo, on_empty="raise", out=out)
        assert (out == 9).all()  # nothing was written
        with pytest.warns(rmbg_fast.EmptyMaskWarning, match=problem):
            session.remove(photo, out=out)
    else:
        session.remove(photo, on_empty="raise", out=out)
    assert re.search(problem, session.scene.empty)
    assert bool(session.scene.empty) is bool(problem)
    top = np.iinfo(dtype).max
    if alpha is None:
        assert (out[..., 3].min(), out[..., 3].max()) == (0, top)
        assert 0.4 < session.scene.coverage < 0.6
    else:
        assert (out[..., 3] == int(alpha * top)).all()
        assert session.scene.coverage == pytest.approx(alpha)
    mask = session.mask(photo, dtype="float32", on_empty="ignore")
    assert np.isfinite(mask).all()
    np.testing.assert_allclose(mask, out[..., 3] / top, rtol=0, atol=1 / 255 + 1e-6)


def test_what_on_empty_may_be(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu")
    for call in (session.remove, session.mask):
        with pytest.raises(errors.OptionError, match="on_empty must be one of 'warn', 'raise', 'ignore', not 'no'"):
            call(photo, on_empty="no")


def test_coverage_is_the_mean_alpha(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu")
    assert session.scene is None
    mask = session.mask(photo, dtype="float32")
    assert session.scene.empty == ""
    assert session.scene.coverage == pytest.approx(mask.mean(), abs=0.02)
    assert session.scene.range[0] < session.scene.range[1]


def test_a_recipe_of_another_name(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    own = Session(grey_model, device="cpu")
    theirs = Session(grey_model, device="cpu", recipe="rembg")
    assert theirs.model.recipe == "rembg"
    alpha = theirs.mask(photo)
    assert not np.array_equal(alpha, own.mask(photo))
    cut = theirs.remove(photo)
    top = photo.astype(int) * alpha[..., None]
    assert np.array_equal(cut[..., :3], (top + 127) // 255)  # premultiplied, as rembg's
    assert np.array_equal(theirs.remove(photo, alpha="straight")[..., :3], np.where(alpha[..., None] > 0, photo, 0))
    assert theirs.remove(photo, background="white").shape[2] == 3
    assert np.array_equal(rmbg_fast.remove(photo, model=grey_model, device="cpu", recipe="rembg"), cut)
    again = rmbg_fast.remove(photo, model=grey_model, device="cpu", recipe={"recipe": "rembg", "alpha": "straight"})
    assert np.array_equal(again[..., 3], alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_estimated_colours(grey_model: ModelSpec, dtype: Any, channels: int | None) -> None:
    session = Session(grey_model, device="cpu", threads=2)
    top = np.iinfo(dtype).max
    shape = (70, 45) if channels is None else (70, 45, channels)
    image = np.random.default_rng(1).integers(0, top, shape, endpoint=True).astype(dtype)
    kept, cut = session.remove(image), session.remove(image, foreground="estimate")
    alpha = kept[..., 3]
    assert np.array_equal(cut[..., 3], alpha)
    assert not np.array_equal(cut, kept)
    rgb = np.ascontiguousarray(image[..., :3]) if channels else np.dstack([image] * 3)
    own = ops.estimate_foreground(rgb, np.ascontiguousarray(alpha))
    assert np.array_equal(cut[..., :3], np.where(alpha[..., None] > 0, own, 0))
    over = session.remove(image, foreground="estimate", background="white")
    assert np.array_equal(over, ops.blend(own, alpha, background=(255, 255, 255)))
    with pytest.raises(errors.OptionError, match="foreground must be one of 'keep', 'estimate'"):
        session.remove(image, foreground="no")  # type: ignore[arg-type]


def test_a_model_of_any_size(tmp_path: Path) -> None:
    path = tmp_path / "any.onnx"
    shape = [1, 3, "height", "width"]
    graph = helper.make_graph(
        mean_of_channels(),
        "any",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "height", "width"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    recipe = {"minmax": "none", "rounding": "none", "mean": (0, 0, 0)}
    spec = ModelSpec.for_file(path, like="isnet-general-use", size=(96, 64), dynamic=32, **recipe)
    session = Session(spec, device="cpu")
    for height, width in ((64, 32), (96, 64)):  # multiples of 32: nothing is resized
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
        np.testing.assert_allclose(session.mask(image, dtype="float32"), image.mean(2) / 255, rtol=0, atol=1e-6)
    for size in ((5, 7), (200, 33), (70, 45)):  # below, above, between
        assert session.mask(np.zeros((*size, 3), np.uint8), on_empty="ignore").shape == size
    with pytest.raises(errors.ModelError, match="size"):
        Session(dataclasses.replace(tiny(tmp_path / "fixed.onnx", mean_of_channels()), dynamic=32), device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [1, 3, 64, 64]}, "correct `size`"),
        ({"shape": [1, 1, SIZE, SIZE]}, "wants 1 channels: only RGB, 3 channels"),
        ({"shape": [1, 4, SIZE, SIZE]}, "wants 4 channels: only RGB, 3 channels"),
        ({"shape": [1, SIZE, SIZE, 3]}, "layout is NHWC, channels last: export it as NCHW"),
        ({"shape": ["n", "h", "w", 3]}, "layout is NHWC"),
        ({"shape": [8, 3, SIZE, SIZE]}, "batch is fixed at 8"),
        ({"shape": [3, SIZE, SIZE]}, r"an image is \[batch, 3, height, width\]"),
    ],
)
def test_a_model_of_another_shape(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    spec = tiny(tmp_path / "odd.onnx", mean_of_channels(), **options)
    with pytest.raises(errors.ModelError, match=message):
        Session(spec, device="cpu")


def test_an_output_that_is_no_mask(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    spec = tiny(tmp_path / "rgb.onnx", [helper.make_node("Relu", ["input"], ["output"])])
    with pytest.raises(errors.ModelError, match="not one mask"):
        Session(spec, device="cpu").remove(photo)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cpu:1", "CUDA", "", 0, None])
def test_unknown_devices(grey_model: ModelSpec, device: Any) -> None:
    with pytest.raises(errors.OptionError, match="device"):
        Session(grey_model, device=device)


def test_explicit_cuda_fails_loudly(grey_model: ModelSpec) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(errors.DeviceError, match="onnxruntime_providers_cuda"):
        Session(grey_model, device="cuda")
    session = Session(grey_model, device="auto")
    assert session.provider == "CPUExecutionProvider"
    assert "onnxruntime_providers_cuda" in session.fallback_reason


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_thread_counts(grey_model: ModelSpec, threads: Any) -> None:
    with pytest.raises(errors.OptionError, match="threads"):
        Session(grey_model, threads=threads)


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": "soft"},
        {"threshold": 0},
        {"threshold": 256},
        {"background": "no such colour"},
        {"background": (0, 0, 256)},
        {"background": "white", "alpha": "premultiplied"},
        {"out": np.zeros((70, 45, 3), np.uint8)},
        {"out": np.zeros((70, 45, 4), np.float32)},
    ],
)
def test_options_that_make_no_sense(grey_model: ModelSpec, photo: NDArray[np.uint8], options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError):
        Session(grey_model, device="cpu").remove(photo, **options)


def test_the_runtime_s_functions_are_where_we_say() -> None:
    testing = pytest.importorskip("rmbg_fast._testing", reason="published wheels are without it")
    assert testing.check_slots(str(library.find())) == []


def test_a_json_file_beside_a_model_that_stays_as_it_is(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    path = tmp_path / "shapeless.onnx"
    spec = tiny(path, mean_of_channels())  # the checker refuses an output without a shape
    path.with_suffix(".json").write_text('{"mine": 1}')
    session = Session(spec, device="cpu")
    assert session.details["graph"] == str(path)
    assert session.mask(photo).shape == photo.shape[:2]
