"""Everything that rmbg_fast raises on purpose.

All classes descend from `RmbgError`, so one `except rmbg_fast.RmbgError` catches them. Where a Python built-in
names the same thing (`ValueError` for a bad value, `OSError` for a failed write), the class descends from it too.
"""


class RmbgError(Exception):
    """Base of every error that rmbg_fast raises on purpose."""


class ImageError(RmbgError, ValueError):
    """The image cannot be used: unreadable, truncated, empty, or of a shape, mode or dtype that is not supported."""


class ImageTooLargeError(ImageError):
    """The image has more pixels than the guard against decompression bombs (or an address computation) allows."""


class ImageWarning(UserWarning):
    """The image was used, but not all of it: its end is missing, or its result cannot say how its colours are meant."""


class OptionError(RmbgError, ValueError):
    """An option (size, threads, resample, colour, threshold, `out=` buffer, ...) has a value that is not allowed."""


class OutputError(RmbgError, OSError):
    """A result could not be written; whatever stood at the target before is still there, untouched."""


class ModelError(RmbgError):
    """The model is unknown, cannot be read, or does not fit its description."""


class ModelFileError(ModelError):
    """ONNX Runtime refuses the file of the model; the message is its own."""


class ModelDownloadError(ModelError):
    """No place that a model file can be had from delivered it; the message names each place and why it failed."""


class ChecksumError(ModelDownloadError):
    """A file arrived, but it is not the file that the manifest names."""


class OutOfMemoryError(RmbgError, MemoryError):
    """There is too little memory to prepare or load the model."""


class ModelOutputError(ModelError):
    """The model ran, but its output is no mask; or it shows no subject, and `on_empty="raise"` asked for an error."""


class RuntimeNotFoundError(RmbgError, ImportError):
    """ONNX Runtime's library is not installed, cannot be loaded, or is too old; the message names path and versions."""


class DeviceError(RmbgError):
    """The device that was asked for cannot be had; the message names the library or the reason."""


class InferenceError(RmbgError):
    """ONNX Runtime refused or failed to run the model; the message is its own."""


class SessionClosedError(RmbgError):
    """The session was closed, by `close()` or at the end of its `with` block."""


class QueueFullError(RmbgError):
    """As many calls wait for the session already as its `max_queued_requests` allows; a server answers 503."""


class DeadlineError(RmbgError, TimeoutError):
    """The call was not done by the end of its `timeout`; what it had begun was stopped."""


class CancelledError(RmbgError):
    """The call was stopped by who had asked for it."""
