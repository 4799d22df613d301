"""The sound of a video on its way to another container: as it is where that takes its codec, else encoded anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ENCODERS = {"webm": ("libopus", 48000), "mov": ("aac", None), "mp4": ("aac", None)}
"""By container: what sound is encoded with, and the one sample rate that it takes."""


class Sound:
    """One stream of sound."""

    def __init__(self, source: Any, target: Any, container: str) -> None:
        import av

        self._resampler: Any = None
        try:
            self._stream = target.add_stream_from_template(source)
        except ValueError:  # the container does not take this codec
            encoder, rate = ENCODERS[container]
            rate = rate or source.rate
            self._stream = target.add_stream(encoder, rate=rate, layout=source.layout.name)
            codec = self._stream.codec_context
            self._resampler = av.AudioResampler(format=codec.format or "fltp", layout=source.layout.name, rate=rate)

    def packets(self, packet: Any) -> Iterator[Any]:
        """What goes into the target for a packet of the source."""
        if self._resampler is None:
            if packet.dts is not None:
                packet.stream = self._stream
                yield packet
            return
        for frame in packet.decode():
            for samples in self._resampler.resample(frame):
                yield from self._stream.encode(samples)

    def end(self) -> Iterator[Any]:
        """What is still to come."""
        if self._resampler is not None:
            for samples in self._resampler.resample(None):
                yield from self._stream.encode(samples)
            yield from self._stream.encode(None)
