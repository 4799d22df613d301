"""Other providers of ONNX Runtime than its CPU's and NVIDIA's: by name, or refused in words."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pytest
import skimage.data

from rmbg_fast import Session
from rmbg_fast.errors import DeviceError, OptionError

NAMES = ("openvino", "coreml", "directml", "qnn", "xnnpack")


def has_openvino() -> bool:
    try:
        return bool(version("onnxruntime-openvino"))
    except PackageNotFoundError:
        return False


def test_what_the_runtime_lacks_is_refused_with_a_list_of_what_it_has() -> None:
    with pytest.raises(DeviceError, match=r"no QNN provider; it has .*CPUExecutionProvider.*needs .*onnxruntime-qnn"):
        Session("u2netp", device="qnn")


@pytest.mark.parametrize("device", ["openVINO", "openvino:1", "rocm", "OpenVINOExecutionProvider"])
def test_unknown_devices_are_refused_with_the_known_ones(device: str) -> None:
    with pytest.raises(OptionError, match=", ".join(map(repr, NAMES))):
        Session("u2netp", device=device)


@pytest.mark.skipif(not has_openvino(), reason="onnxruntime-openvino is not installed (it replaces onnxruntime)")
@pytest.mark.parametrize("options", [None, {"device_type": "CPU"}], ids=str)
def test_openvino_gives_the_masks_of_the_cpu(options: dict[str, Any] | None) -> None:
    photo = skimage.data.chelsea()  # type: ignore[no-untyped-call]
    session = Session("u2netp", device="openvino", provider_options=options)
    assert session.provider == "OpenVINOExecutionProvider"
    apart = np.abs(session.mask(photo).astype(int) - Session("u2netp", device="cpu").mask(photo))
    assert apart.max() <= 1


@pytest.mark.skipif(not has_openvino(), reason="onnxruntime-openvino is not installed (it replaces onnxruntime)")
def test_an_option_that_the_provider_refuses_is_no_missing_package() -> None:
    with pytest.raises(DeviceError, match="OpenVINO provider cannot be used") as error:
        Session("u2netp", device="openvino", provider_options={"no_such": 1})
    assert "needs" not in str(error.value)
