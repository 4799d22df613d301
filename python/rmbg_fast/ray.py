"""On a Ray cluster: `Remover` for Ray Data, `deployment` for Ray Serve. `pip install 'rmbg-fast[ray]'`.

Each worker holds one session. It counts the cores that Ray gives it, so `num_cpus` of an actor is its `threads`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ._options import CutOptions, Model
from .errors import DeadlineError, ImageError, OptionError, QueueFullError, RmbgError
from .flow import Batcher
from .session import Session

_STATUS: tuple[tuple[type[RmbgError], int], ...] = (
    (ImageError, 400), (OptionError, 422), (QueueFullError, 503), (DeadlineError, 504),
)  # fmt: skip


class Remover:
    """A worker of `ray.data.Dataset.map_batches`, which cuts out the images of a column.

    `image` names the column: bytes of files, paths, or arrays of uint8 or uint16. Two columns come back beside those
    that there are: `cutout`, the bytes of a file of `format`, and `error`, a sentence; each is empty where the other is
    not, so that a bad picture fails no job. `cut` are options of `Session.remove`, such as {"background": "white"}, the
    others those of `Session`. What is wrong with the model or an option raises.

    >>> dataset.map_batches(Remover, fn_constructor_kwargs={"model": "u2netp"}, concurrency=4, batch_size=16)
    """

    def __init__(
        self,
        model: Model = "isnet-general-use",
        *,
        image: str = "image",
        cutout: str = "cutout",
        error: str = "error",
        format: str = "png",
        cut: CutOptions | None = None,
        **session: Any,
    ) -> None:
        self._image, self._cutout, self._error = image, cutout, error
        self._cut: Any = {"on_empty": "ignore", **(cut or {}), "format": format}
        self._session = Session(model, **session)

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The columns of a batch, and the two."""
        if self._image not in batch:
            raise OptionError(f"there is no column {self._image!r}, only {', '.join(batch)}")
        count = len(batch[self._image])
        cutouts, errors = np.full(count, b"", object), np.full(count, "", object)
        for outcome in self._session.map(map(_plain, batch[self._image]), **self._cut):
            if outcome.error is None:
                cutouts[outcome.index] = outcome.result
            else:
                errors[outcome.index] = str(outcome.error) or type(outcome.error).__name__
        return {**batch, self._cutout: cutouts, self._error: errors}


def _plain(item: Any) -> Any:
    """NumPy's texts and bytes as Python's, and arrays as they are."""
    return item.item() if isinstance(item, np.generic) else item


def deployment(
    model: Model = "isnet-general-use",
    *,
    name: str = "rmbg-fast",
    max_ongoing_requests: int = 16,
    max_queued_requests: int = 64,
    max_batch_size: int = 1,
    max_wait_ms: float = 5.0,
    timeout: float | None = 30.0,
    options: Mapping[str, Any] | None = None,
    session: Mapping[str, Any] | None = None,
    **cut: Unpack[CutOptions],
) -> Any:
    """An application for `ray.serve.run`: a picture is the body of a POST, its cut-out the answer; in Python,
    `handle.remote(data)` does the same with bytes.

    A replica takes `max_ongoing_requests` at a time and works on as many of them as its session has slots; callers may
    have `max_queued_requests` more waiting, and Serve refuses others with 503. `max_batch_size` above 1 gathers
    pictures into one run of the network, for devices that gain by it (`flow.Batcher`). `options` are more of
    `ray.serve.deployment`, such as {"num_replicas": 2, "ray_actor_options": {"num_cpus": 2}}; `session` those of
    `Session`; `cut` those of `Session.remove`. An error is answered 400, 422, 503 or 504, with its sentence.
    """
    from ray import serve

    made = serve.deployment(
        name=name,
        max_ongoing_requests=max_ongoing_requests,
        max_queued_requests=max_queued_requests,
        **(options or {}),
    )(Replica)
    return made.bind(model, dict(session or {}), {"on_empty": "ignore", **cut}, timeout, max_batch_size, max_wait_ms)


class Replica:
    """What a deployment runs."""

    def __init__(
        self, model: Model, session: dict[str, Any], cut: dict[str, Any], timeout: float | None, batch: int, wait: float
    ) -> None:
        if batch > 1:
            session = {"slots": 2 * batch, **session}  # while one batch is run, the next is decoded
        self._session = Session(model, **session)
        self._batcher = Batcher(self._session, batch, wait) if batch > 1 else None
        self._cut, self._timeout = cut, timeout

    async def __call__(self, request: Any) -> Any:
        """Bytes for bytes; a response for a request over HTTP."""
        if isinstance(request, bytes):
            return await self._session.aremove(request, timeout=self._timeout, **self._cut)
        from starlette.responses import PlainTextResponse, Response

        if request.method != "POST":
            return PlainTextResponse("POST a picture", 405, {"Allow": "POST"})
        body = await request.body()
        try:
            result = await self._session.aremove(body, timeout=self._timeout, **self._cut)
        except RmbgError as exc:
            status = next((number for kind, number in _STATUS if isinstance(exc, kind)), 500)
            return PlainTextResponse(str(exc), status, {"Retry-After": "1"} if status == 503 else None)
        return Response(result, media_type=_media_type(self._cut.get("format")))

    def check_health(self) -> None:
        """Asked by Serve: raises once the session is closed."""
        assert self._session.provider


def _media_type(format: str | None) -> str:
    known = {"rgba": "application/octet-stream", "npy": "application/octet-stream"}
    return known.get(format or "", f"image/{'jpeg' if format == 'jpg' else format or 'png'}")
