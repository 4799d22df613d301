"""Every error as problem details (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import (
    DeadlineError,
    ImageError,
    ImageTooLargeError,
    ModelOutputError,
    OptionError,
    QueueFullError,
    RmbgError,
    SessionClosedError,
)

MEDIA_TYPE = "application/problem+json"
GONE = 499
"""In the log, for a client that hung up: it sees no answer. The number is nginx's."""
_TITLES = {GONE: "Client Closed Request"}


class Problem(Exception):
    """An answer that is an error. `more` are further members of its document."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more

    def response(self) -> Response:
        title = _TITLES.get(self.status) or HTTPStatus(self.status).phrase
        members = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.more}
        return Response(json.dumps(members), self.status, self.headers, MEDIA_TYPE)


class ClientGone(Problem):
    """The client hung up: what it wanted is stopped."""

    def __init__(self) -> None:
        super().__init__(GONE, "the client hung up")


_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ImageTooLargeError, 413),
    (ImageError, 400),
    (OptionError, 422),
    (ModelOutputError, 422),
    (QueueFullError, 429),
    (DeadlineError, 504),
    (SessionClosedError, 503),
)


def problem_of(error: Exception) -> Problem:
    """What the caller is told of an error. Of one that is the service's fault no more than that: the log has it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, error.headers)
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return Problem(status, str(error))
    return Problem(500, "the service failed; its log says how")


def answer(_: Request, error: Exception) -> Response:
    """The handler of exceptions of the application."""
    problem = problem_of(error)
    if problem.status == 500 and isinstance(error, RmbgError):  # others the server writes down
        logging.getLogger("rmbg_fast.serve").error("a request failed", exc_info=error)
    return problem.response()
