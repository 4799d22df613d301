"""The OpenAPI document of /v1, of rembg's endpoint and of what is beside them; a test holds it against the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import parameters, problems, rembg
from .accepting import MEDIA_TYPES
from .parameters import Parameter

_BINARY = {"type": "string", "format": "binary"}
_REFUSALS = {
    400: "There is no picture in the body.",
    403: "Nothing is fetched from there.",
    406: "`Accept` takes none of the formats.",
    408: "The upload took too long.",
    410: "This service fetches no pictures: it was not started with `--allow-urls`.",
    413: "The body has too many bytes, or the picture too many pixels.",
    415: "The body is of another type.",
    422: "An option has a value that is not allowed.",
    429: "Too much is waiting: come again when `Retry-After` says.",
    500: "The service failed; its log says how.",
    502: "The picture cannot be fetched.",
    503: "The models are being loaded, or the process is about to end.",
    504: "It was not done in time.",
}
_OF_UPLOADS = [status for status in _REFUSALS if status not in (403, 410, 502)]
_HEADERS = {
    "Server-Timing": ("string", "Milliseconds of the stages: upload, queue, decode, preprocess, inference, ..."),
    "X-Rmbg-Coverage": ("string", "Mean alpha of the mask, 0..1."),
    "X-Rmbg-Empty": ("string", "Why no subject was found; only where none was."),
    "X-Rmbg-Width": ("integer", "Of `rgba` only."),
    "X-Rmbg-Height": ("integer", "Of `rgba` only."),
}


async def openapi(_: Request) -> Response:
    return JSONResponse(document())


@lru_cache
def document() -> dict[str, Any]:
    remove = _takes_picture("Cut the subject out.", "remove", parameters.REMOVE, MEDIA_TYPES.values())
    masks = [MEDIA_TYPES[name] for name in parameters.MASKS]
    mask = _takes_picture("The mask alone, grey.", "mask", parameters.MASK, masks)
    return {
        "openapi": "3.1.0",
        "info": {"title": "rmbg-fast", "version": _version(), "description": "Removes the background of photos."},
        "paths": {
            "/v1/remove": {"post": remove},
            "/v1/mask": {"post": mask},
            "/api/remove": {"post": _as_rembg(), "get": _as_rembg_from_url()},
            "/v1/models": {
                "get": _gives("Those that may be asked for.", "models", "application/json", _MODELS, ready=True)
            },
            "/livez": {"get": _gives("Whether the process lives.", "livez", "text/plain", {"type": "string"})},
            "/readyz": {
                "get": _gives("Whether it takes requests.", "readyz", "text/plain", {"type": "string"}, ready=True)
            },
            "/metrics": {"get": _gives("For Prometheus.", "metrics", "text/plain", {"type": "string"})},
        },
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


_PROBLEM = {
    "description": "Problem details, RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "parameter": {"type": "string", "description": "The option that is wrong."},
        "limit": {"type": "integer", "description": "Bytes that a body may have."},
    },
}
_MODEL = {
    "name": {"type": "string"},
    "title": {"type": "string"},
    "license": {"type": "string"},
    "commercial": {"type": "boolean"},
    "homepage": {"type": "string"},
    "input_size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
}
_MODELS = {
    "type": "object",
    "required": ["models"],
    "properties": {
        "models": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": sorted(_MODEL), "properties": _MODEL},
        }
    },
}


def _as_rembg() -> dict[str, Any]:
    fields = {field.name: {**field.schema, "description": field.about} for field in _FIELDS_OF_REMBG}
    about = "Cut the subject out, as rembg's server does."
    return _takes_picture(about, "rembg", rembg.QUERY.values(), ["image/png"], fields)


def _as_rembg_from_url() -> dict[str, Any]:
    options = [_parameter(option) for option in (*_FIELDS_OF_REMBG, *rembg.QUERY.values())]
    return {
        "summary": "The same for a picture from elsewhere; off unless hosts were allowed at the start.",
        "operationId": "rembg-url",
        "parameters": [{**_parameter(rembg.URL), "required": True}, *options],
        "responses": {"200": _picture(["image/png"]), **_refused(*_REFUSALS)},
    }


_FIELDS_OF_REMBG = (parameters.MODEL, *rembg.FIELDS.values())


def _takes_picture(
    about: str,
    name: str,
    options: Iterable[Parameter],
    media_types: Iterable[str],
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`fields` are those of a form, besides its `file`."""
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {**_BINARY, "description": "The picture's file."}, **(fields or {})},
    }
    return {
        "summary": about,
        "operationId": name,
        "parameters": [_parameter(option) for option in options],
        "requestBody": {
            "required": True,
            "description": "The picture's file, or a form with the part `file`.",
            "content": {
                "image/*": {"schema": _BINARY},
                "application/octet-stream": {"schema": _BINARY},
                "multipart/form-data": {"schema": form},
            },
        },
        "responses": {
            "200": _picture(media_types),
            **_refused(*_OF_UPLOADS),
        },
    }


def _picture(media_types: Iterable[str]) -> dict[str, Any]:
    return {
        "description": "The file of the result.",
        "headers": {key: {"schema": {"type": kind}, "description": says} for key, (kind, says) in _HEADERS.items()},
        "content": {media_type: {"schema": _BINARY} for media_type in dict.fromkeys(media_types)},
    }


def _gives(about: str, name: str, media_type: str, schema: dict[str, Any], *, ready: bool = False) -> dict[str, Any]:
    answer = {"description": about, "content": {media_type: {"schema": schema}}}
    return {"summary": about, "operationId": name, "responses": {"200": answer, **(_refused(503) if ready else {})}}


def _parameter(option: Parameter) -> dict[str, Any]:
    return {"name": option.name, "in": "query", "description": option.about, "schema": dict(option.schema)}


def _refused(*statuses: int) -> dict[str, Any]:
    after = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": _REFUSALS[status],
            "content": content,
            **({"headers": after} if status in (429, 503) else {}),
        }
        for status in statuses
    }


def _version() -> str:
    try:
        return version("rmbg-fast")
    except PackageNotFoundError:
        return "0"


ROUTES = [Route("/openapi.json", openapi)]
