"""What users of OpenCV and of Pillow write in place of our kernels: the same results within a grey level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (1024, 1024)
"""Of the network's input."""


def opencv_preprocess(image: NDArray[Any]) -> NDArray[Any]:
    import cv2

    resized = cv2.resize(image, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(resized, 1 / 255, mean=(127.5, 127.5, 127.5))


def pillow_preprocess(image: NDArray[Any]) -> NDArray[Any]:
    resized = np.asarray(Image.fromarray(image).resize(SIZE[::-1], Image.Resampling.BILINEAR))
    return np.ascontiguousarray((resized.astype(np.float32) / 255 - 0.5).transpose(2, 0, 1)[None])


def opencv_cutout(image: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    import cv2

    levels = cv2.normalize(mask, None, 0, 255, cv2.NORM_MINMAX)
    alpha = cv2.resize(levels, image.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    rgba = cv2.merge([*cv2.split(image), alpha])
    rgba[alpha == 0] = 0
    return rgba


def pillow_cutout(image: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    levels = Image.fromarray((mask - mask.min()) / (mask.max() - mask.min()) * 255)
    alpha = np.asarray(levels.resize(image.shape[1::-1], Image.Resampling.BILINEAR)).astype(np.uint8)
    return np.dstack([np.where(alpha[..., None] > 0, image, 0), alpha])
