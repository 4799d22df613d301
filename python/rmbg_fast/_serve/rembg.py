"""rembg's endpoint, as its clients call it: /api/remove."""

from __future__ import annotations

import json
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
from .problems import Problem
from .service import Service
from .uploads import Upload

if TYPE_CHECKING:
    from ..session import Session

_NAMES = {  # of rembg's fields, as `rembg.remove` has them
    "a": "alpha_matting",
    "af": "alpha_matting_foreground_threshold",
    "ab": "alpha_matting_background_threshold",
    "ae": "alpha_matting_erode_size",
    "om": "only_mask",
    "ppm": "post_process_mask",
    "dc": "decontaminate",
    "vm": "vitmatte",
}
_NUMBERS = {"af": 255, "ab": 255, "ae": 1000}
_TRUE, _FALSE = ("1", "true", "t", "yes", "y", "on"), ("", "0", "false", "f", "no", "n", "off")


async def post(request: Request) -> Response:
    service: Service = request.app.state.service
    more = _of_query(request.query_params)

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
    more = _of_query(query)
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
    options = {_NAMES[key]: _value(key, fields[key]) for key in _NAMES if key in fields}
    return Job(session, upload.data, partial(_cut, upload.data, {**options, **more}))


def _cut(image: bytearray, options: dict[str, Any], session: Session) -> Answer:
    as_rembg: Any = RembgSession(session.model.name, session)
    png: Any = rembg_remove(image, session=as_rembg, force_return_bytes=True, **options)  # type: ignore[call-overload]
    return Answer(png, "image/png")


def _value(key: str, text: str) -> bool | int:
    if key in _NUMBERS:
        if not text.isdecimal() or int(text) > _NUMBERS[key]:
            raise Problem(422, f"{key} must be a number from 0 to {_NUMBERS[key]}, not {text!r}", parameter=key)
        return int(text)
    if text.lower() not in _TRUE + _FALSE:
        raise Problem(422, f"{key} must be true or false, not {text!r}", parameter=key)
    return text.lower() in _TRUE


def _of_query(query: Mapping[str, str]) -> dict[str, Any]:
    """`bgc`, "r,g,b,a", and `extras`, an object of JSON of which only `putalpha` is known. Raises Problem."""
    options: dict[str, Any] = {}
    if query.get("bgc"):
        levels = [part.strip() for part in query["bgc"].split(",")]
        if len(levels) != 4 or not all(level.isdecimal() and int(level) <= 255 for level in levels):
            raise Problem(
                422, f"bgc must be four numbers from 0 to 255, r,g,b,a, not {query['bgc']!r}", parameter="bgc"
            )
        options["bgcolor"] = tuple(map(int, levels))
    if query.get("extras"):
        try:
            extras = json.loads(query["extras"])
        except ValueError as exc:
            raise Problem(422, f"extras is no JSON: {exc}", parameter="extras") from exc
        if not isinstance(extras, dict) or not isinstance(extras.get("putalpha", False), bool):
            raise Problem(422, 'extras must be an object of JSON, such as {"putalpha": true}', parameter="extras")
        options["putalpha"] = extras.get("putalpha", False)
    return options


ROUTES = [
    Route("/api/remove", post, methods=["POST"]),
    Route("/api/remove", get, methods=["GET"]),
]
