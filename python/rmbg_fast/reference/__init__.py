"""The same functions as `rmbg_fast.ops`, in plain NumPy: the specification of the kernels, bit for bit."""

from .functions import blend, cutout, estimate_foreground, minmax, preprocess, resize_mask, sigmoid, subject_box

__all__ = ["blend", "cutout", "estimate_foreground", "minmax", "preprocess", "resize_mask", "sigmoid", "subject_box"]
