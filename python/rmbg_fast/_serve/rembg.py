"""rembg's endpoint, as its clients call it: /api/remove."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..rembg import RembgSession
from ..rembg import remove as rembg_remove
from . import fetching
from .answering import Answer, Job, answered
from .parameters import Parameter, number
from .problems import Problem
from .service import Service
from .uploads import Upload

if TYPE_CHECKING:
    from ..session import Session

_TRUE, _FALSE = ("1", "true", "t", "yes", "y", "on"), ("", "0", "false", "f", "no", "n", "off")
_LEVEL = " *(25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9]) *"
_COLOUR = f"({','.join([_LEVEL] * 4)})?"


def _flag(name: str, about: str) -> Parameter:
    def parse(text: str) -> bool:
        if text.lower() not in _TRUE + _FALSE:
            raise ValueError("must be true or false")
        return text.lower() in _TRUE

    return Parameter(name, about, {"type": "boolean", "default": False}, parse)


def _colour(text: str) -> tuple[int, ...] | None:
    if not re.fullmatch(_COLOUR, text, re.ASCII):
        raise ValueError("must be four numbers from 0 to 255, r,g,b,a")
    return tuple(map(int, text.split(","))) if text else None


def _extras(text: str) -> bool:
    """Its `putalpha`: nothing else of it is known."""
    try:
        extras = json.loads(text or "{}")
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is no JSON ({exc})") from exc
    if not isinstance(extras, dict) or not isinstance(extras.get("putalpha", False), bool):
        raise ValueError('must be an object of JSON, such as {"putalpha": true}')
    return bool(extras.get("putalpha", False))


URL = Parameter("url", "Of the picture, at a host that the service was started with.", {"type": "string"}, str)
FIELDS = {  # by their names as `rembg.remove` has them
    "alpha_matting": _flag("a", "Find alpha anew, with pymatting."),
    "alpha_matting_foreground_threshold": number("af", "Of it: foreground from this alpha on.", 0, 255),
    "alpha_matting_background_threshold": number("ab", "Of it: background up to this alpha.", 0, 255),
    "alpha_matting_erode_size": number("ae", "Of it: pixels of the edge.", 0, 1000),
    "only_mask": _flag("om", "Give the mask alone."),
    "post_process_mask": _flag("ppm", "Smooth the mask, and make it 0 or 255."),
    "decontaminate": _flag("dc", "Take the background's colour out of soft edges."),
    "vitmatte": _flag("vm", "It is not there: true is refused."),
}
QUERY = {
    "bgcolor": Parameter(
        "bgc", "Colour to put behind: r,g,b,a.", {"type": "string", "pattern": f"^{_COLOUR}$"}, _colour
    ),
    "putalpha": Parameter(
        "extras", 'An object of JSON: {"putalpha": true} keeps the colours.', {"type": "string"}, _extras
    ),
}


async def post(request: Request) -> Response:
    service: Service = request.app.state.service
    more = _options(QUERY, request.query_params)

    def prepare(upload: Upload) -> Job:
        return _job(service, upload, {**upload.fields}, more)

    return await answered(request, prepare)


async def get(request: Request) -> Response:
    service: Service = request.app.state.service
    query = dict(request.query_params)
    if not service.settings.allow_urls:
        raise Problem(410, "this service fetches no pictures: POST the file itself, or start it with --allow-urls HOST")
    if not query.get("url"):
        raise Problem(422, "url is missing", parameter="url")
    more = _options(QUERY, query)
    target = fetching.allowed(query.pop("url"), service.settings.allow_urls)
    session = service.session(query.get("model") or None)
    return await answered(
        request,
        lambda upload: _job(service, upload, query, more),
        session=session,
        fetch=partial(fetching.fetch, target, service.settings.max_body),
    )


def _job(service: Service, upload: Upload, fields: Mapping[str, str], more: dict[str, Any]) -> Job:
    """Raises Problem."""
    name = fields.get("model") or None
    session = service.session(name)
    options = {**_options(FIELDS, fields), **more}
    return Job(session, upload.data, partial(_cut, upload.data, options))


def _cut(image: bytearray, options: dict[str, Any], session: Session) -> Answer:
    as_rembg: Any = RembgSession(session.model.name, session)
    png: Any = rembg_remove(image, session=as_rembg, force_return_bytes=True, **options)  # type: ignore[call-overload]
    return Answer(png, "image/png")


def _options(known: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, Any]:
    """What is given, by rembg's names of options; others are passed over, as rembg does. Raises Problem."""
    options = {}
    for option, parameter in known.items():
        text = given.get(parameter.name)
        if text is not None:
            try:
                options[option] = parameter.parse(text)
            except ValueError as exc:
                detail = f"{parameter.name} {exc}, not {text!r}"
                raise Problem(422, detail, parameter=parameter.name) from exc
    return options


ROUTES = [
    Route("/api/remove", post, methods=["POST"]),
    Route("/api/remove", get, methods=["GET"]),
]
