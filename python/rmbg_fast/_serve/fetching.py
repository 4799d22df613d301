"""Pictures from URLs: of hosts that are allowed by name, at public addresses, without redirects."""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .problems import Problem

_PORTS = {"http": 80, "https": 443}
_PIECE = 1 << 16
_PATIENCE = 10.0  # seconds for each step
_EMBEDDED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in the last four bytes


@dataclass(frozen=True)
class Target:
    """A URL that is allowed, taken apart."""

    tls: bool
    host: str
    port: int
    path: str


def allowed(url: str, hosts: Sequence[str]) -> Target:
    """`hosts` are names, or name:port for another port than those of http and https. Raises Problem."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        host.encode("ascii")
    except ValueError as exc:
        raise Problem(422, f"url cannot be read: {exc}", parameter="url") from exc
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        raise Problem(422, "url must be that of a file, https://host/path", parameter="url")
    standard = port is None or port == _PORTS[parts.scheme]
    named = {name.lower() for name in hosts}
    if f"{host}:{port}" not in named and not (standard and host in named):
        raise Problem(403, f"no pictures are fetched from {parts.netloc}", parameter="url")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(character <= " " for character in path):
        raise Problem(422, "url has characters that must be escaped with %", parameter="url")
    return Target(parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


async def fetch(target: Target, limit: int, take: Callable[[int], None]) -> bytearray:
    """The body of a response with status 200. `take` is told of bytes before they are kept. Raises Problem."""
    connection = _Pinned(target, await _address(target))
    data = bytearray()
    try:
        response = await asyncio.to_thread(_asked, connection, target)
        if response.status in range(300, 400):
            raise Problem(502, f"{target.host} answers with a redirect, and redirects are not followed")
        if response.status != 200:
            raise Problem(502, f"{target.host} answers {response.status}")
        while piece := await asyncio.to_thread(response.read1, _PIECE):
            if len(data) + len(piece) > limit:
                raise Problem(413, f"the picture has more than {limit} bytes", limit=limit)
            take(len(piece))
            data += piece
    except (OSError, http.client.HTTPException) as exc:
        raise Problem(502, f"{target.host} cannot be asked: {exc}") from exc
    finally:
        connection.close()
    if not data:
        raise Problem(502, f"{target.host} answers with an empty body")
    return data


async def _address(target: Target) -> str:
    """The address that is asked: looked up once, so that nobody answers otherwise the second time. Raises Problem."""
    try:
        found = await asyncio.to_thread(_resolved, target.host, target.port)
    except OSError as exc:
        raise Problem(502, f"{target.host} has no address: {exc}") from exc
    for address in found:
        if not _is_public(address):
            raise Problem(403, f"{target.host} has a private address: nothing is fetched from there", parameter="url")
    return found[0]


def _resolved(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _EMBEDDED:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return address.is_global and not address.is_multicast


class _Pinned(http.client.HTTPConnection):
    """A connection to one address of a host, whatever its name stands for by then."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=_PATIENCE)
        self._target, self._address = target, address

    def connect(self) -> None:
        plain: Any = socket.create_connection((self._address, self._target.port), _PATIENCE)
        if self._target.tls:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=self._target.host)
        self.sock = plain


def _asked(connection: _Pinned, target: Target) -> http.client.HTTPResponse:
    headers = {"User-Agent": "rmbg-fast", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target.path, headers=headers)
    return connection.getresponse()
