"""What users of OpenCV, Pillow, torch and fast_image_resize write in place of our kernels: the same results within a
grey level. Each import is made where it is needed, for none of them has to be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from recording import installed

SIZE = (1024, 1024)
"""Of the network's input."""
HAS_OPENCV = bool(installed("opencv-python-headless") or installed("opencv-python"))
HAS_TORCH = bool(installed("torch"))
HAS_FAST_IMAGE_RESIZE = bool(installed("cykooz-resizer"))


def use_threads(count: int) -> None:
    """Of OpenCV and torch; Pillow and NumPy have one, `fast_image_resize` is told for itself."""
    if HAS_OPENCV:
        import cv2

        cv2.setNumThreads(count)
    if HAS_TORCH:
        import torch

        torch.set_num_threads(count)


def opencv_preprocess(image: NDArray[Any]) -> NDArray[Any]:
    import cv2

    resized = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(resized, 1 / 255, mean=(127.5, 127.5, 127.5))


def pillow_preprocess(image: NDArray[Any]) -> NDArray[Any]:
    resized = np.asarray(Image.fromarray(image).resize(SIZE[::-1], Image.Resampling.BILINEAR))
    return np.ascontiguousarray((resized.astype(np.float32) / 255 - 0.5).transpose(2, 0, 1)[None])


def torch_preprocess(image: NDArray[Any], antialias: bool) -> NDArray[Any]:
    """Resized as uint8, which torch is much faster at than at float32."""
    import torch

    tensor = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(tensor, SIZE, mode="bilinear", align_corners=False, antialias=antialias)
    result: NDArray[Any] = resized.to(torch.float32).contiguous().div_(255).sub_(0.5).numpy()
    return result


def fast_image_resize(image: NDArray[Any], threads: int) -> tuple[Callable[[], Any], Callable[[], NDArray[Any]]]:
    """The antialiased resize alone, in buffers of its own that are reused, and what gives its (height, width, 3) bytes
    away, as a copy.
    """
    import cykooz_resizer as fir

    source = fir.ImageData(image.shape[1], image.shape[0], fir.PixelType.U8x3, image.tobytes())
    target = fir.ImageData(SIZE[1], SIZE[0], fir.PixelType.U8x3)
    resizer = fir.Resizer()
    pool = fir.ResizerThreadPool(threads) if threads > 1 else None
    how = fir.ResizeOptions(resize_alg=fir.ResizeAlg.convolution(fir.FilterType.bilinear), thread_pool=pool)

    def result() -> NDArray[Any]:
        return np.frombuffer(target.get_buffer(), np.uint8).reshape(*SIZE, 3)

    return lambda: resizer.resize(source, target, how), result


def opencv_cutout(image: NDArray[Any], mask: NDArray[Any], scratch: NDArray[Any] | None = None) -> NDArray[Any]:
    """The fastest of the ways that were tried: levels of 8 bits, and colour zeroed by copying under the mask. `scratch`
    is (height, width, 4) uint8; the result is always a new array, for what is not copied has to be 0.
    """
    import cv2

    levels = cv2.normalize(mask, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    alpha = cv2.resize(levels, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    rgba = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA, scratch)
    cv2.insertChannel(alpha, rgba, 3)
    return cv2.copyTo(rgba, alpha)


def pillow_cutout(image: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    levels = Image.fromarray((mask - mask.min()) / (mask.max() - mask.min()) * 255)
    alpha = np.asarray(levels.resize(image.shape[1::-1], Image.Resampling.BILINEAR)).astype(np.uint8)
    return np.dstack([np.where(alpha[..., None] > 0, image, 0), alpha])
