"""What others write for a GPU, each in a process of its own: `python benches/gpu_rivals.py NAME MODEL`, JSON out.

limit, limit-nhwc: the bare model in a loop, tensors bound on the device, nothing else. usual: NumPy, Pillow and
onnxruntime-gpu as the model cards show them. rembg: that package, where it is installed. torch-fp16: the network in
PyTorch, float16, channels last, with random weights, the picture resized on the device.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import calls_per_second, repeated

Array = NDArray[Any]
SIZES = {"1080p": (1080, 1920), "12 MP": (3000, 4000)}


def picture(size: tuple[int, int]) -> Array:
    """A picture with a bright subject on dark ground, and a camera's noise."""
    height, width = size
    y, x = np.ogrid[:height, :width]
    inside = ((y - height / 2) / (height / 3)) ** 2 + ((x - width / 2) / (width / 4)) ** 2 < 1
    base = np.where(inside[..., None], (220, 170, 120), (30, 60, 40)).astype(np.int16)
    noise = np.random.default_rng(0).integers(-8, 8, (height, width, 3), np.int16)
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def small_model(folder: Path) -> Path:
    """A U2-Net small of random weights at 64 x 64."""
    import onnx
    from u2net import U2NETP, u2net

    path = folder / "small.onnx"
    onnx.save(u2net(U2NETP, 64), path)
    return path


def onnx_session(model: str | bytes, device: str, options_of_provider: dict[str, str] | None = None) -> Any:
    import onnxruntime

    if device != "cpu":
        onnxruntime.preload_dlls()
    provider = "CPUExecutionProvider" if device == "cpu" else "CUDAExecutionProvider"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=[(provider, options_of_provider or {})])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"ONNX Runtime took {session.get_providers()} instead of {provider}")
    return session


def say(who: str, what: str, ms: float, rate: float, **more: Any) -> None:
    print(json.dumps({"who": who, "picture": what, "ms alone": f"{ms:.2f}", "images/s": f"{rate:.1f}", **more}))


def limit(model: str | bytes, device: str, seconds: float, batch: int = 1, *, nhwc: bool = False) -> None:
    import onnxruntime

    session = onnx_session(model, device, {"prefer_nhwc": "1"} if nhwc and device != "cpu" else {})
    how = ", prefer_nhwc" if nhwc else ""
    port, output = session.get_inputs()[0], session.get_outputs()[0]
    shape = [batch, *port.shape[1:]]
    data = np.random.default_rng(0).random(shape, np.float32) - 0.5

    def bound() -> Callable[[], Any]:
        binding = session.io_binding()
        binding.bind_ortvalue_input(port.name, onnxruntime.OrtValue.ortvalue_from_numpy(data, device, 0))
        result = onnxruntime.OrtValue.ortvalue_from_shape_and_type([batch, *output.shape[1:]], np.float32, device, 0)
        binding.bind_ortvalue_output(output.name, result)
        return lambda: session.run_with_iobinding(binding)

    calls = [bound() for _ in range(4)]
    ms, _ = repeated(calls[0], seconds)
    for threads in (1, 2, 3, 4):
        rate = batch * calls_per_second(calls[:threads], seconds)
        say(f"the bare model, bound{how}, threads: {threads}", f"batch {batch}", ms, rate)


def batch_of_8(model: str) -> bytes:
    """The graph with a first dimension of 8; the sizes of its resizes are computed in the graph."""
    import onnx

    graph = onnx.load(model)
    del graph.graph.output[1:]
    del graph.graph.value_info[:]
    for port in [*graph.graph.input, *graph.graph.output]:
        port.type.tensor_type.shape.dim[0].dim_value = 8
    content: bytes = graph.SerializeToString()
    return content


def usual(model: str, device: str, seconds: float) -> None:
    from PIL import Image

    session = onnx_session(model, device)
    port, output = session.get_inputs()[0], session.get_outputs()[0]
    height, width = port.shape[2:]

    def remove(image: Array) -> Array:
        small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        tensor = ((small.astype(np.float32) / 255.0 - 0.5) / 1.0).transpose(2, 0, 1)[None]
        mask = session.run([output.name], {port.name: tensor})[0].squeeze()
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        alpha = Image.fromarray((mask * 255).astype(np.uint8)).resize(image.shape[1::-1], Image.Resampling.BILINEAR)
        result = Image.fromarray(image).convert("RGBA")
        result.putalpha(alpha)
        return np.asarray(result)

    for name, size in SIZES.items():
        image = picture(size)
        ms, _ = repeated(lambda image=image: remove(image), seconds)
        rate = calls_per_second([lambda image=image: remove(image)] * 4, seconds)
        say("NumPy + Pillow + onnxruntime-gpu, 4 threads", name, ms, rate)


def rembg(model: str, device: str, seconds: float) -> None:
    import os
    import shutil
    import tempfile

    from PIL import Image

    folder = tempfile.mkdtemp()
    shutil.copy(model, Path(folder) / "isnet-general-use.onnx")
    os.environ |= {"U2NET_HOME": folder, "MODEL_CHECKSUM_DISABLED": "1"}
    if device != "cpu":
        import onnxruntime

        onnxruntime.preload_dlls()
    from rembg import new_session, remove

    provider = "CPUExecutionProvider" if device == "cpu" else "CUDAExecutionProvider"
    session = new_session("isnet-general-use", providers=[provider])
    for name, size in SIZES.items():
        image = Image.fromarray(picture(size))
        ms, _ = repeated(lambda image=image: np.asarray(remove(image, session=session)), seconds)
        rate = calls_per_second([lambda image=image: np.asarray(remove(image, session=session))] * 4, seconds)
        say("rembg, 4 threads", name, ms, rate)


def torch_fp16(device: str, seconds: float) -> None:
    import torch

    from rmbg_fast.convert import isnet

    network = isnet.ISNet().eval().to(device).half().to(memory_format=torch.channels_last)
    side = 1024 if device != "cpu" else 64

    @torch.inference_mode()
    def remove(image: Array) -> Array:
        picture = torch.from_numpy(image).to(device).permute(2, 0, 1)[None]
        tensor = torch.nn.functional.interpolate(picture.half(), (side, side), mode="bilinear") / 255 - 0.5
        mask = network(tensor.to(memory_format=torch.channels_last))
        while not isinstance(mask, torch.Tensor):
            mask = mask[0]
        mask = torch.nn.functional.interpolate(mask, image.shape[:2], mode="bilinear")
        low, high = mask.min(), mask.max()
        alpha = ((mask - low) / (high - low) * 255).to(torch.uint8)
        result: Array = torch.cat([picture, alpha], 1)[0].permute(1, 2, 0).contiguous().cpu().numpy()
        return result

    for name, size in SIZES.items():
        image = picture(size)
        ms, _ = repeated(lambda image=image: remove(image), seconds)
        rate = calls_per_second([lambda image=image: remove(image)] * 4, seconds)
        say("PyTorch float16, channels last, 4 threads", name, ms, rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=["limit", "limit-nhwc", "limit-batch-8", "usual", "rembg", "torch-fp16"])
    parser.add_argument("model")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=2.0)
    chosen = parser.parse_args()
    ways: dict[str, Callable[[], None]] = {
        "limit": lambda: limit(chosen.model, chosen.device, chosen.seconds),
        "limit-nhwc": lambda: limit(chosen.model, chosen.device, chosen.seconds, nhwc=True),
        "limit-batch-8": lambda: limit(batch_of_8(chosen.model), chosen.device, chosen.seconds, 8),
        "usual": lambda: usual(chosen.model, chosen.device, chosen.seconds),
        "rembg": lambda: rembg(chosen.model, chosen.device, chosen.seconds),
        "torch-fp16": lambda: torch_fp16(chosen.device, chosen.seconds),
    }
    ways[chosen.name]()


if __name__ == "__main__":
    main()
