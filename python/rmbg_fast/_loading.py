"""From a model's file to what runs it: where, with which threads, from which prepared graph."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from . import _core
from ._runtime import gpu
from ._storage import folders
from .errors import DeviceError, OptionError, OutOfMemoryError
from .models import ModelSpec


def device_of(device: str) -> tuple[str, int]:
    """The kind of device and its number. Raises OptionError."""
    if isinstance(device, str) and device in PROVIDERS:
        return device, 0
    match = re.fullmatch(r"(cpu|auto|cuda|tensorrt)(?::(\d{1,3}))?", device) if isinstance(device, str) else None
    if not match or (match[2] and match[1] in ("cpu", "auto")):
        others = ", ".join(map(repr, PROVIDERS))
        raise OptionError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N', 'tensorrt', {others}, not {device!r}")
    return match[1], int(match[2] or 0)


@dataclass(frozen=True)
class Device:
    """Where a model runs, and with which options of the provider."""

    kind: str
    number: int = 0
    options: tuple[tuple[str, str | bytes], ...] = ()
    runs: int = 0


CPU = Device("cpu")

PROVIDERS = {
    "openvino": ("OpenVINO", "the package onnxruntime-openvino in place of onnxruntime"),
    "coreml": ("CoreML", "macOS, where onnxruntime has it"),
    "directml": ("Dml", "the package onnxruntime-directml in place of onnxruntime, on Windows"),
    "qnn": ("QNN", "the package onnxruntime-qnn in place of onnxruntime"),
    "xnnpack": ("Xnnpack", "a build of ONNX Runtime with it"),
}
"""Devices that ONNX Runtime knows by name: the name of the provider, and what has it."""


def load_on_device(
    source: Path, spec: ModelSpec, device: Device, count: int, *, narrow: bool
) -> tuple[_core.Remover, dict[str, Any]]:
    """`load` on a GPU, or with another provider. Raises also DeviceError, which says what is missing."""
    if device.kind in PROVIDERS:
        name, package = PROVIDERS[device.kind]
        try:
            _core.check_device(name, 0, list(device.options), [])
        except DeviceError as exc:
            if "has no" not in str(exc):  # it is there, and refuses an option
                raise
            raise DeviceError(f"{exc}: {device.kind!r} needs {package}") from exc
        return load(source, spec, replace(device, kind=name), count)
    if device.kind == "tensorrt":
        device = replace(device, options=(*device.options, *gpu.tensorrt_cache()))
    gpu.check(device.kind, device.number, list(device.options))
    return load(source, spec, device, count, narrow=narrow)


def load(
    source: Path, spec: ModelSpec, device: Device, count: int, *, network: bool = False, narrow: bool = False
) -> tuple[_core.Remover, dict[str, Any]]:
    """The model of a file, prepared and ready to run, and the details of that (see `Session.details`).

    `count` is the number of threads; `network` lets our own convolutions run, `narrow` makes float16 of what gains.
    Raises ModelError and OutOfMemoryError.
    """
    make = partial(_remover, spec, device, count)
    # A CPU's kernels compute in float32 anyhow; NVIDIA's are made for float16; the others narrow as they like.
    widen = device.kind not in gpu.KNOWN
    try:
        from ._graphs import loading

        return loading.load(source, spec, make, widen=widen, network=network, narrow=narrow)
    except OutOfMemoryError:
        raise
    except MemoryError as exc:
        raise OutOfMemoryError(f"{spec.name}: there is too little memory to load this model") from exc


def _remover(
    spec: ModelSpec, device: Device, count: int, path: Path, prepared: bool
) -> tuple[_core.Remover, dict[str, Any]]:
    from ._graphs.prepared import details

    output = 0 if prepared else spec.output  # a prepared graph has but the one
    remover = _core.Remover(
        folders.native(path),
        spec.core_recipe(),
        device.kind,
        device.number,
        count,
        spec.input,
        output,
        list(device.options),
        [],
        device.runs,
    )
    done = details(path) if prepared else {}  # a .json beside the original is the user's
    plain = {"graph": str(path), "tier": "", "convolutions": {"replaced": [], "left": []}, "runs_at_once": device.runs}
    return remover, {**plain, **done}
