"""A request that brings a picture, from its first byte to the last of the result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .._images.sizes import pixels_of
from .._scene import Scene, Timings
from ..errors import ImageTooLargeError, QueueFullError
from . import uploads
from .buffered import Share
from .connections import ABORT
from .problems import ClientGone, Problem
from .service import Service
from .uploads import Upload

if TYPE_CHECKING:
    from ..session import Session

_PIECE = 1 << 18


@dataclass
class Answer:
    """The file of a result."""

    content: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """What is to be done with a picture: `work`, called with the session on one of its threads, when it is its turn."""

    session: Session
    image: bytes | bytearray
    work: Callable[[Session], Answer]


async def answered(
    request: Request,
    prepare: Callable[[Upload], Job],
    *,
    session: Session | None = None,
    fetch: Callable[[Callable[[int], None]], Coroutine[Any, Any, bytearray]] | None = None,
) -> Response:
    """The response to a request: its upload is read, `prepare` says what to do with it, that is done when it is its
    turn, and the result goes out with what the model saw and the times of the stages.

    A `session` whose queue is full refuses the request before its body is read. A client that hangs up cancels its
    work. `fetch` gets the picture from elsewhere, in place of the body, and tells of its bytes before they are kept.
    Raises Problem, and what `prepare` and the work raise.
    """
    service: Service = request.app.state.service
    deadline = request.state.start + service.settings.timeout
    with Share(service.buffered) as share:
        if session is not None:
            service.check_room(session)
        upload = await _uploaded(request, service, share, deadline, fetch)
        job = prepare(upload)
        del upload
        _check_size(job.image, service.settings.max_megapixels)
        uploaded = monotonic()
        ran = await _run(request, service, job, deadline)
    timings = {"upload": 1e3 * (uploaded - request.state.start), "queue": 1e3 * ran.waited, **ran.timings}
    headers = {**_seen(ran.scene), **ran.answer.headers, "Server-Timing": _server_timing(timings)}
    return Result(ran.answer, headers, service)


def _seen(scene: Scene | None) -> dict[str, str]:
    if scene is None:
        return {}
    empty = {"X-Rmbg-Empty": scene.empty.encode("ascii", "replace").decode("ascii")} if scene.empty else {}
    return {"X-Rmbg-Coverage": f"{scene.coverage:.4f}", **empty}


def _server_timing(milliseconds: Mapping[str, float]) -> str:
    return ", ".join(f"{stage};dur={duration:.1f}" for stage, duration in milliseconds.items())


class Result(Response):
    """The file of a result, sent in pieces: a client that takes them slowly does not fill the memory, and one that
    takes none for the time of a request is dropped."""

    def __init__(self, answer: Answer, headers: Mapping[str, str], service: Service) -> None:
        super().__init__(answer.content, 200, headers, answer.media_type)
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = memoryview(self.body)
        patience = self._service.settings.timeout
        with Share(self._service.buffered) as share:
            share.hold(len(content))
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for begin in range(0, len(content), _PIECE):
                piece = bytes(content[begin : begin + _PIECE])
                try:
                    async with asyncio.timeout(patience):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                except TimeoutError:
                    await _drop(scope)
                    return
                self._service.metrics.sent.inc(len(piece))
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(scope: Scope) -> None:
    extension = scope.get("extensions", {}).get(ABORT)
    if extension is not None:
        extension["call"]()
        await asyncio.sleep(0)  # the server hears of it


async def _uploaded(
    request: Request,
    service: Service,
    share: Share,
    deadline: float,
    fetch: Callable[[Callable[[int], None]], Coroutine[Any, Any, bytearray]] | None,
) -> Upload:
    def take(count: int) -> None:
        share.take(count)
        service.metrics.received.inc(count)

    try:
        async with asyncio.timeout(deadline - monotonic()):
            if fetch is not None:
                return Upload(await fetch(take))
            return await uploads.read(request, service.settings.max_body, take)
    except TimeoutError as exc:
        raise Problem(408, f"the upload was not complete after {service.settings.timeout:g} s") from exc


def _check_size(image: bytes | bytearray, megapixels: float) -> None:
    """Raises Problem."""
    pixels = pixels_of(image)
    if pixels is not None and pixels > megapixels * 1e6:
        raise Problem(413, f"the picture has {pixels / 1e6:.1f} megapixels; no more than {megapixels:g} are taken")


@dataclass
class _Ran:
    answer: Answer
    scene: Scene | None
    timings: Timings
    waited: float


async def _run(request: Request, service: Service, job: Job, deadline: float) -> _Ran:
    session, queued = job.session, monotonic()

    def work() -> _Ran:
        begun = monotonic()
        answer = job.work(session)
        service.took(monotonic() - begun)
        return _Ran(answer, session.scene, session.timings, begun - queued)

    left = max(0.0, deadline - queued)
    try:
        ran = await _unless_gone(
            request, session._lanes.run(work, pixels_of(job.image), timeout=left, priority="interactive")
        )
    except QueueFullError:
        raise service.full(session) from None
    except ImageTooLargeError:  # as Pillow found
        raise Problem(413, f"the picture has more than {service.settings.max_megapixels:g} megapixels") from None
    service.metrics.ran(session.model.name, ran.waited, ran.timings)
    return ran


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _Ran]) -> _Ran:
    """What `work` gives; it is cancelled where the client hangs up. Raises ClientGone, and what `work` raises."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
