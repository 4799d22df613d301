"""What cannot be done for a picture in a GPU's memory is said in a sentence, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmbg_fast import ModelSpec, Session, errors
from support import stand_in
from support.device_arrays import ByDLPack, ByInterface

PHOTO = np.random.default_rng(3).integers(0, 256, (45, 61, 3), np.uint8)
CALM: dict[str, Any] = {"on_empty": "ignore"}


@pytest.mark.parametrize("show", [ByDLPack, ByInterface])
def test_a_session_on_the_cpu(spec: ModelSpec, show: Any) -> None:
    host = Session(spec, device="cpu", optimize=False)
    says = f"{show.__name__} lies in a GPU's memory, and the session runs on the CPU: copy .* device='cuda'"
    for call in (host.remove, host.mask, host.predict):
        with pytest.raises(errors.ImageError, match=says):
            call(show(PHOTO))


@pytest.mark.parametrize("show", [ByDLPack, ByInterface])
def test_another_gpu(gpu: Session, show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_STAND_IN_DEVICES", "2")
    there = show(PHOTO, 1)
    says = "memory of GPU 1, and the session runs on GPU 0: copy it there first, or make a session with device='cuda:1'"
    with pytest.raises(errors.ImageError, match=says):
        gpu.remove(there)
    if show is ByDLPack:
        assert not there.streams  # an export would have made that GPU wait
    with pytest.raises(errors.OptionError, match=says):
        gpu.remove(show(PHOTO), out=show(np.zeros((45, 61, 4), np.uint8), 1))


def test_out_elsewhere(gpu: Session) -> None:
    out = np.zeros((45, 61, 4), np.uint8)
    with pytest.raises(errors.OptionError, match="ndarray: it does not lie in the memory of GPU 0, where this picture"):
        gpu.remove(ByDLPack(PHOTO), out=out, **CALM)
    with pytest.raises(errors.OptionError, match="bytearray: it does not lie"):
        gpu.mask(ByDLPack(PHOTO), out=bytearray(45 * 61), **CALM)  # type: ignore[call-overload]
    with pytest.raises(errors.OptionError, match="lies in a GPU's memory, and it has to be in the CPU's"):
        gpu.remove(PHOTO, out=ByDLPack(out), **CALM)
    assert not out.any()


def outs() -> dict[str, tuple[Any, str]]:
    frozen = {"read_only": True}
    shape = (45, 61, 4)
    return {
        "shape": (ByDLPack(np.zeros((45, 60, 4), np.uint8)), r"\(45, 61, 4\).*not uint8 of shape \(45, 60, 4\)"),
        "dtype": (ByInterface(np.zeros(shape, np.float32)), "not float32"),
        "strides": (ByDLPack(np.zeros((61, 45, 4), np.uint8).transpose(1, 0, 2)), "packed pixels"),
        "read only": (ByInterface(np.zeros(shape, np.uint8), **frozen), "read-only"),
        "read only, DLPack": (ByDLPack(np.zeros(shape, np.uint8), flags=1), "read-only"),
        "a copy": (ByDLPack(np.zeros(shape, np.uint8), flags=2), "gives a copy"),
        "bfloat16": (ByDLPack(np.zeros(shape, np.uint16), code=4), "bfloat16"),
    }


@pytest.mark.parametrize("name", ["shape", "dtype", "strides", "read only", "read only, DLPack", "a copy", "bfloat16"])
def test_out_that_does_not_fit(gpu: Session, name: str) -> None:
    out, says = outs()[name]
    with pytest.raises(errors.OptionError, match=says):
        gpu.remove(ByDLPack(PHOTO), out=out, **CALM)
    assert not out.now().any()


def test_out_that_is_the_picture(gpu: Session) -> None:
    both = ByInterface(np.dstack([PHOTO, PHOTO[:, :, 0]]))
    with pytest.raises(errors.OptionError, match="overlaps the input"):
        gpu.remove(both, out=both, **CALM)


PICTURES: dict[str, tuple[np.ndarray, str]] = {
    "float": (PHOTO / np.float32(255), "convert it to uint8"),
    "int32": (PHOTO.astype(np.int32), "convert it to uint8 or uint16"),
    "channels first": (PHOTO.transpose(2, 0, 1).copy(), "channels first"),
    "a batch": (PHOTO[None].copy(), "one image at a time"),
    "empty": (np.zeros((0, 5, 3), np.uint8), "is empty"),
    "five channels": (np.zeros((9, 9, 5), np.uint8), "give .H, W."),
}


@pytest.mark.parametrize("show", [ByDLPack, ByInterface])
@pytest.mark.parametrize("name", PICTURES)
def test_what_is_no_picture(gpu: Session, name: str, show: Any) -> None:
    array, says = PICTURES[name]
    with pytest.raises(errors.ImageError, match=says):
        gpu.remove(show(array))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stream": 0}, "stream is 0"),
        ({"mask": object()}, "a mask of its own"),
        ({"strides": (3,)}, "as many strides"),
        ({"typestr": ">u2", "shape": (45, 30, 3)}, "the other order"),
        ({"data": (4096, False)}, "does not lie in the memory of GPU 0"),
        ({"shape": None}, "cannot be read"),
        ({"typestr": "left out"}, "cannot be read"),
    ],
)
def test_interfaces_that_are_wrong(gpu: Session, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.ImageError, match=says):
        gpu.remove(ByInterface(PHOTO, **fields))


class Broken:
    """What fails in its own code."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __dlpack__(self, **_: Any) -> Any:
        raise RuntimeError("it requires grad: use tensor.detach()")


def test_others_errors(gpu: Session) -> None:
    with pytest.raises(errors.ImageError, match=r"Broken cannot be read: .*tensor.detach"):
        gpu.remove(Broken())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"foreground": "estimate"}, "foreground='estimate' is done in the CPU's memory only"),
        ({"background": PHOTO}, "background picture is laid under in the CPU's memory only"),
        ({"max_side": 30}, "max_side scales pictures in the CPU's memory only"),
        ({"format": "png"}, "format"),
        ({"alpha": "premultiplied", "background": "red"}, "exclude each other"),
        ({"threshold": 0}, "threshold must be"),
        ({"alpha": "none"}, "alpha must be one of"),
    ],
    ids=str,
)
def test_options_that_the_gpu_does_not_do(gpu: Session, options: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.OptionError, match=says):
        gpu.predict(ByDLPack(PHOTO), **options, **CALM)


def test_strict_calls_leave_out_as_it_is(spec: ModelSpec) -> None:
    strict = stand_in.session(spec, recipe={"empty_below": 1})
    out = ByDLPack(np.full((45, 61, 4), 9, np.uint8))
    with pytest.raises(errors.ModelOutputError, match="no subject"):
        strict.remove(ByDLPack(PHOTO), out=out, on_empty="raise")
    assert (out.now() == 9).all()
    strict.remove(ByDLPack(PHOTO), **CALM)


def test_a_device_without_memory(spec: ModelSpec, tmp_path: Path) -> None:
    """In a process of its own, for its memory is counted from the first call on; the session lives on."""
    code = f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        import numpy as np
        from rmbg_fast import errors
        from support import stand_in
        from support.small_network import saved
        stand_in.use(Path({str(stand_in.built().parent)!r}))
        from support.device_arrays import ByInterface
        session = stand_in.session(saved(Path({str(tmp_path)!r})))
        image = ByInterface(np.zeros((500, 500, 3), np.uint8))
        session.remove(image, on_empty="ignore")
        os.environ["RMBG_FAST_STAND_IN_BYTES"] = "1000000"
        for attempt in range(3):
            try:
                session.remove(image, on_empty="ignore")
            except errors.InferenceError as exc:
                assert "the GPU has no memory left" in str(exc), exc
            else:
                raise AssertionError("it found memory")
        del os.environ["RMBG_FAST_STAND_IN_BYTES"]
        session.remove(image, on_empty="ignore")
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
