"""The routes under /v1: pictures, masks, models."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .._images import formats, reading, writing
from .._images.depth import binary
from .._images.metadata import Metadata
from . import accepting, parameters
from .answering import Answer, Job, answered
from .problems import Problem
from .service import Service

if TYPE_CHECKING:
    from ..session import Session


async def remove(request: Request) -> Response:
    options = parameters.parsed(request.query_params, parameters.REMOVE)
    session = _session(request, options)
    accepted = ("png", "webp", "avif", "npy") if "background" not in options else ("png", "webp", "jpeg", "avif", "npy")
    name = _format(request, options, accepted)
    if name == "mask-png":
        _only(options, "mask-png")
        work = partial(_mask, name="png", **options)
    else:
        if name == "jpeg" and "background" not in options:
            raise Problem(422, "format=jpeg holds no transparency: give a background, or choose png or webp")
        work = partial(_cut_out, name=name, **options)
    return await answered(
        request, lambda upload: Job(session, upload.data, partial(work, upload.data)), session=session
    )


async def mask(request: Request) -> Response:
    options = parameters.parsed(request.query_params, parameters.MASK)
    session = _session(request, options)
    work = partial(_mask, name=_format(request, options, ("png", "webp", "npy")), **options)
    return await answered(
        request, lambda upload: Job(session, upload.data, partial(work, upload.data)), session=session
    )


async def models(request: Request) -> Response:
    service: Service = request.app.state.service
    service.session()
    rows = [session.model for session in service.sessions.values()]
    keys = ("name", "title", "license", "commercial", "homepage")
    listed = [{**{key: getattr(row, key) for key in keys}, "input_size": list(row.size)} for row in rows]
    return JSONResponse({"models": listed})


def _session(request: Request, options: dict[str, Any]) -> Session:
    service: Service = request.app.state.service
    return service.session(options.pop("model", None))


def _format(request: Request, options: dict[str, Any], accepted: tuple[str, ...]) -> str:
    """Raises Problem, and OptionError where a package is missing for it."""
    name = options.pop("format", None)
    if name is None:
        name = accepting.chosen(request.headers.get("accept"), {one: accepting.MEDIA_TYPES[one] for one in accepted})
    if name != "mask-png":
        formats.output_format(name)
    return cast("str", name)


def _only(options: dict[str, Any], name: str) -> None:
    for other in ("background", "alpha", "foreground"):
        if other in options:
            raise Problem(422, f"format={name} is the mask alone: it does not go with {other}", parameter=other)


def _cut_out(image: bytearray, session: Session, *, name: str, **options: Any) -> Answer:
    headers = {}
    if name == "rgba":
        result = session.predict(image, format=name, on_empty="ignore", **options)
        content, (height, width) = result.cutout, result.mask.shape
        headers = {"X-Rmbg-Width": str(width), "X-Rmbg-Height": str(height)}
    else:
        content = session.remove(image, format=name, on_empty="ignore", **options)
    return Answer(content, accepting.MEDIA_TYPES[name], headers)


def _mask(
    image: bytearray,
    session: Session,
    *,
    name: str,
    threshold: int | None = None,
    crop: bool | int = False,
    max_side: int | None = None,
) -> Answer:
    source = reading.read(image, deep=True, max_side=max_side)
    deep = source.pixels.dtype.itemsize == 2
    values = session.mask(source.pixels, dtype="uint16" if deep else "uint8", on_empty="ignore", crop=crop)
    if threshold is not None:
        values = binary(values, threshold)
    content = writing.encode(values, Metadata(dpi=source.metadata.dpi), formats.output_format(name))
    return Answer(content, accepting.MEDIA_TYPES[name])


ROUTES = [
    Route("/v1/remove", remove, methods=["POST"]),
    Route("/v1/mask", mask, methods=["POST"]),
    Route("/v1/models", models, methods=["GET"]),
]
