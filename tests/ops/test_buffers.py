"""Memory of others: the same bits as from NumPy arrays, where they lie, and back as the object that was given."""

from __future__ import annotations

import array
import gc
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbg_fast import Session, _core, errors, ops, reference
from rmbg_fast._images import reading
from support import small_network
from support.exporters import COPIED, CUDA, PINNED, READ_ONLY, Exporter

Call = Callable[..., Any]
PHOTO = np.random.default_rng(0).integers(0, 256, (14, 11, 3), np.uint8)
DEEP = PHOTO.astype(np.uint16) * 257
ALPHA = np.random.default_rng(1).integers(0, 256, (14, 11), np.uint8)
MASK = np.random.default_rng(2).random((5, 6), np.float32)

CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "preprocess": ("preprocess", (PHOTO,), {"size": (9, 8)}),
    "preprocess, half": ("preprocess", (DEEP,), {"size": (9, 8), "dtype": "float16"}),
    "resize_mask": ("resize_mask", (MASK, (14, 11)), {}),
    "resize_mask, float": ("resize_mask", (MASK, (14, 11)), {"dtype": "float32"}),
    "blend": ("blend", (PHOTO, ALPHA), {"background": (1, 2, 3)}),
    "cutout": ("cutout", (PHOTO, MASK), {}),
    "cutout, 16 bits": ("cutout", (DEEP, MASK), {}),
    "estimate_foreground": ("estimate_foreground", (PHOTO, ALPHA), {"radii": (4, 2, 1)}),
}
every_call = pytest.mark.parametrize(("name", "args", "options"), CALLS.values(), ids=CALLS)
both = pytest.mark.parametrize("module", [ops, reference])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(small_network.saved(tmp_path_factory.mktemp("model")), device="cpu")


FOREIGN: dict[str, Callable[[NDArray[Any]], Any]] = {
    "memoryview": lambda values: memoryview(values.copy()),
    "DLPack": lambda values: Exporter(values.copy()),
    "DLPack, unversioned": lambda values: Exporter(values.copy(), version=None),
    "DLPack, no strides": lambda values: Exporter(values.copy(), strides=None),
    "DLPack, pinned": lambda values: Exporter(values.copy(), device_type=PINNED),
}


def seen(value: Any) -> NDArray[Any]:
    return value.array if isinstance(value, Exporter) else np.asarray(value)


@both
@every_call
@pytest.mark.parametrize("kind", FOREIGN)
def test_inputs_and_out(
    module: ModuleType, kind: str, name: str, args: tuple[Any, ...], options: dict[str, Any]
) -> None:
    expected = getattr(reference, name)(*args, **options)
    inputs = [FOREIGN[kind](arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    out = FOREIGN[kind](np.zeros_like(expected))
    assert getattr(module, name)(*inputs, out=out, **options) is out
    np.testing.assert_array_equal(seen(out), expected, strict=True)
    for exporter in (*inputs, out):
        assert not isinstance(exporter, Exporter) or exporter.given_back == 1


def test_out_in_a_file(tmp_path: Path, session: Session) -> None:
    path = tmp_path / "tensors.bin"
    file = np.memmap(path, np.float32, "w+", shape=(2, 3, 9, 8))
    assert ops.preprocess(PHOTO, size=(9, 8), out=file[1:]) is not file
    file.flush()
    np.testing.assert_array_equal(np.fromfile(path, np.float32)[216:], ops.preprocess(PHOTO, size=(9, 8)).ravel())
    with pytest.raises(errors.OptionError, match="read-only"):
        ops.preprocess(PHOTO, size=(9, 8), out=np.memmap(path, np.float32, "r", shape=(1, 3, 9, 8)))
    picture = np.memmap(tmp_path / "cut.bin", np.uint8, "w+", shape=(14, 11, 4))
    assert session.remove(PHOTO, out=picture, on_empty="ignore") is picture
    picture.flush()
    wanted = session.remove(PHOTO, on_empty="ignore")
    assert (tmp_path / "cut.bin").read_bytes() == wanted.tobytes()


def test_out_in_shared_memory() -> None:
    shared = SharedMemory(create=True, size=4096)
    try:
        with shared.buf[: 14 * 11 * 4] as part, part.cast("B", (14, 11, 4)) as view:
            assert ops.cutout(PHOTO, MASK, out=view) is view
            result = view.tobytes()
        other = SharedMemory(shared.name)
        assert bytes(other.buf[: len(result)]) == result == ops.cutout(PHOTO, MASK).tobytes()
        other.close()
    finally:
        shared.close()  # raises where something still holds the memory
        shared.unlink()


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    values.flags.writeable = False
    return values


class OnGpu:
    """What torch and CuPy show of an array on a GPU; an export would make the GPU wait, and must not be asked for."""

    __cuda_array_interface__: ClassVar[dict[str, Any]] = {
        "shape": (9, 8, 3),
        "typestr": "|u1",
        "data": (256, False),
        "version": 3,
    }

    def __dlpack_device__(self) -> tuple[int, int]:
        return (CUDA, 0)

    def __dlpack__(self, **_: Any) -> Any:
        raise AssertionError("it was exported")


class OnGpuWithoutDLPack:
    """What Numba shows."""

    __cuda_array_interface__ = OnGpu.__cuda_array_interface__


@pytest.mark.parametrize("kind", [OnGpu, OnGpuWithoutDLPack])
def test_arrays_on_a_gpu_are_refused(kind: type) -> None:
    says = f"{kind.__name__} lies in a GPU's memory.*copy it there first"
    with pytest.raises(errors.ImageError, match=says):
        ops.preprocess(kind(), size=(9, 8))
    with pytest.raises(errors.OptionError, match=says):
        ops.preprocess(PHOTO, size=(9, 8), out=kind())
    with pytest.raises(errors.ImageError, match=says):
        reading.read(kind())


NO_OUT: list[tuple[str, Callable[[], Any], str]] = [
    ("a list", lambda: [[0.0]], "list is no array"),
    ("a name", lambda: "out.bin", "str is no array"),
    ("bytes", lambda: bytes(864), "read-only"),
    ("a flat bytearray", lambda: bytearray(864), r"float32 array of shape \(1, 3, 9, 8\).*not uint8 of shape \(864,\)"),
    ("a flat array.array", lambda: array.array("f", bytes(864)), r"not float32 of shape \(216,\)"),
    ("a read-only view", lambda: memoryview(bytes(864)).cast("f", (1, 3, 9, 8)), "read-only"),
    ("another dtype", lambda: memoryview(bytearray(864)).cast("i", (1, 3, 9, 8)), "not int32"),
    ("another byte order", lambda: np.zeros((1, 3, 9, 8), ">f4"), "not >f4"),
    ("another byte order, shared", lambda: memoryview(np.zeros((1, 3, 9, 8), ">f4")), "not >f4"),
    ("a read-only array", lambda: memoryview(frozen(np.zeros((1, 3, 9, 8), np.float32))), "read-only"),
]

EXPORTS: list[tuple[str, dict[str, Any], str]] = [
    ("read-only", {"flags": READ_ONLY}, "read-only"),
    ("a copy", {"flags": COPIED}, "copy"),
    ("on a GPU", {"device_type": CUDA}, "not in the CPU's memory.*device 2"),
    ("on a GPU, unversioned", {"device_type": CUDA, "version": None}, "not in the CPU's memory"),
    ("nowhere", {"data": 0}, "no memory behind it"),
    ("bfloat16", {"code": 4, "bits": 16}, "bfloat16"),
    ("of an unknown type", {"code": 9, "bits": 8}, "code 9"),
    ("of vectors", {"lanes": 4}, "type that NumPy does not have"),
    ("of odd bits", {"bits": 12}, "12 bits"),
    ("of no float", {"bits": 8}, "f1"),
    ("of a later version", {"version": 2}, "version 2"),
]


@both
@pytest.mark.parametrize(("make", "words"), [case[1:] for case in NO_OUT], ids=[case[0] for case in NO_OUT])
def test_no_out(module: ModuleType, make: Callable[[], Any], words: str) -> None:
    with pytest.raises(errors.OptionError, match=words if module is ops else "out"):
        module.preprocess(PHOTO, size=(9, 8), out=make())


@both
@pytest.mark.parametrize(("fields", "words"), [case[1:] for case in EXPORTS], ids=[case[0] for case in EXPORTS])
def test_exports_that_cannot_take_it_are_given_back(module: ModuleType, fields: dict[str, Any], words: str) -> None:
    target = np.full((1, 3, 9, 8), 7, np.float32)
    out = Exporter(target, **fields)
    with pytest.raises(errors.OptionError, match=words if module is ops else "out"):
        module.preprocess(PHOTO, size=(9, 8), out=out)
    assert (target == 7).all()
    gc.collect()
    assert out.given_back == 1


def test_exports_that_cannot_be_read(session: Session) -> None:
    for read in (lambda value: ops.preprocess(value, size=(9, 8)), session.remove, session.mask):
        for fields in ({"device_type": CUDA}, {"code": 4, "bits": 16}, {"version": 3}):
            exporter = Exporter(PHOTO, **fields)
            with pytest.raises(errors.ImageError):
                read(exporter)
            assert exporter.given_back == 1
    taken = Exporter(PHOTO)
    ops.preprocess(taken, size=(9, 8))
    with pytest.raises(errors.ImageError, match="still to be taken"):
        ops.preprocess(taken, size=(9, 8))
    assert taken.given_back == 1


def test_read_only_exports_are_read() -> None:
    view = _core.from_dlpack(Exporter(PHOTO, flags=READ_ONLY))
    assert not view.flags.writeable
    assert view.ctypes.data == PHOTO.ctypes.data
    np.testing.assert_array_equal(ops.preprocess(view, size=(9, 8)), ops.preprocess(PHOTO, size=(9, 8)))


def test_the_offset_of_an_export_counts() -> None:
    levels = DEEP.ravel()
    np.testing.assert_array_equal(_core.from_dlpack(Exporter(levels[:30], byte_offset=6)), levels[3:33])


def test_memory_stays_as_long_as_a_view_of_it() -> None:
    exporter = Exporter(PHOTO)
    view = _core.from_dlpack(exporter)[2:5]
    gc.collect()
    assert exporter.given_back == 0
    np.testing.assert_array_equal(view, PHOTO[2:5])
    del view
    assert exporter.given_back == 1


@both
def test_rows_that_overlap_are_refused(module: ModuleType) -> None:
    memory = np.zeros(3000, np.uint8)
    for step in (0, 4, 43, -43):
        rows = np.lib.stride_tricks.as_strided(memory[1000:], (14, 11, 4), (step, 4, 1))
        with pytest.raises(errors.OptionError, match="out"):
            module.cutout(PHOTO, MASK, out=rows)
    assert not memory.any()
    for step in (44, 50, -44):
        rows = np.lib.stride_tricks.as_strided(memory[1000:], (14, 11, 4), (step, 4, 1))
        module.cutout(PHOTO, MASK, out=rows)
        np.testing.assert_array_equal(rows, ops.cutout(PHOTO, MASK))


def test_a_session_takes_them(session: Session) -> None:
    for options in ({}, {"background": "white"}, {"threshold": 9, "foreground": "estimate"}):
        for photo in (PHOTO, DEEP):
            wanted = session.remove(photo, on_empty="ignore", **options)
            result = session.remove(Exporter(photo), on_empty="ignore", **options)
            assert isinstance(result, np.ndarray)
            np.testing.assert_array_equal(result, wanted)
            out = Exporter(np.zeros_like(wanted))
            assert session.remove(photo, on_empty="ignore", out=out, **options) is out
            np.testing.assert_array_equal(out.array, wanted)
    for dtype in ("uint8", "uint16", "float32"):
        wanted = session.mask(PHOTO, dtype=dtype, on_empty="ignore")
        out = memoryview(bytearray(wanted.nbytes)).cast(wanted.dtype.char, wanted.shape)
        assert session.mask(Exporter(PHOTO), dtype=dtype, on_empty="ignore", out=out) is out  # type: ignore[comparison-overlap]
        np.testing.assert_array_equal(np.asarray(out), wanted)
    with pytest.raises(errors.OptionError, match="out"):
        session.remove(PHOTO, out=bytearray(14 * 11 * 4))  # type: ignore[arg-type]
    with pytest.raises(errors.ImageError, match="channels first"):
        session.remove(Exporter(PHOTO.transpose(2, 0, 1)))
    with pytest.raises(errors.ImageError, match="float32"):
        session.remove(Exporter(PHOTO.astype(np.float32)))
