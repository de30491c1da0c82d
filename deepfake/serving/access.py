"""Who may use the HTTP API, and how often: API keys and a rate limit."""

import hashlib
import hmac
import math
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deepfake.base.errors import DeepfakeError
from deepfake.core.files import write_bytes
from deepfake.serving.problems import NO_KEY, TOO_MANY, problem_response

KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LINE = re.compile(rf"({NAME.pattern}) ([0-9a-f]{{64}})")
# Open to all: documentation, and health checks of a container.
OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/health"})
CLIENT = "deepfake.client"  # key of an ASGI scope: name of the API key, or ""
MAX_CLIENTS = 10_000  # remembered by the rate limit


class ApiKeyError(DeepfakeError):
    """A file of API keys cannot be read, or a key not be added."""


class ApiKeys:
    """The API keys of a file: lines of a name and the SHA-256 of a key; "#" begins a comment.

    A fast hash is enough, because `add_key` makes keys of 256 random bits: nobody can try them all.

    Args:
        digests: hexadecimal SHA-256 of each key, by the name of who has it.
    """

    def __init__(self, digests: Mapping[str, str]) -> None:
        self._digests = dict(digests)

    @classmethod
    def read(cls, path: Path) -> "ApiKeys":
        """The keys of a file.

        Raises:
            ApiKeyError: it cannot be read, or a line has another form.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ApiKeyError(
                f"{path} cannot be read ({error}): make it with `deepfake api-key`"
            ) from error
        digests = {}
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            match = LINE.fullmatch(text)
            if text and (not match or match[1] in digests):
                raise ApiKeyError(
                    f"{path}, line {number}: not a new name and a digest as `deepfake api-key` writes"
                    " them"
                )
            if match:
                digests[match[1]] = match[2]
        return cls(digests)

    def name_of(self, key: str) -> str | None:
        """The name of who has the key; None if it is unknown. Takes the same time for every key."""
        digest, name = _digest(key), None
        for one, expected in self._digests.items():
            if hmac.compare_digest(digest, expected):
                name = one
        return name


def add_key(path: Path, name: str) -> str:
    """A new key, of which the name and the digest are added to a file that only this user may read.

    Raises:
        ApiKeyError: the name is invalid or taken, or the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise ApiKeyError(f"{name!r}: use up to 64 letters, digits, dots, - and _ as name")
    text = ""
    if path.exists():
        if name in ApiKeys.read(path)._digests:
            raise ApiKeyError(f"{path} has a key of {name}: delete its line to make a new one")
        text = path.read_text(encoding="utf-8")
        text += "" if text.endswith("\n") or not text else "\n"
    key = secrets.token_urlsafe(KEY_BYTES)
    try:
        write_bytes(path, f"{text}{name} {_digest(key)}\n".encode())
        path.chmod(0o600)
    except OSError as error:
        raise ApiKeyError(f"{path} cannot be written: {error.strerror}") from error
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class RateLimit:
    """A token bucket for each client (Turner, 1986): requests in a minute, also all at once.

    Args:
        per_minute: maximum number of requests.
        clock: seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}  # tokens left at a time

    def seconds_to_wait(self, client: str) -> float:
        """0 if the client may send a request now, which is counted; else when it may."""
        now = self._clock()
        tokens = self._tokens_at(client, now)
        if tokens < 1:
            return (1 - tokens) * 60 / self._per_minute
        if len(self._tokens) >= MAX_CLIENTS:
            self._forget_idle(now)
        self._tokens[client] = tokens - 1, now
        return 0.0

    def _tokens_at(self, client: str, now: float) -> float:
        tokens, since = self._tokens.get(client, (float(self._per_minute), now))
        return min(self._per_minute, tokens + (now - since) * self._per_minute / 60)

    def _forget_idle(self, now: float) -> None:
        """Forget clients that have all tokens again; if there are none, the one seen longest ago."""
        kept = {
            client: one
            for client, one in self._tokens.items()
            if self._tokens_at(client, now) < self._per_minute
        }
        if len(kept) >= MAX_CLIENTS:
            del kept[min(kept, key=lambda client: kept[client][1])]
        self._tokens = kept


class AccessControl:
    """Middleware that refuses requests without a key and requests above the rate limit.

    It refuses them before their body is read. Without a key, a client is its network address.

    Args:
        app: the application behind it.
        keys: None if no key is needed.
        rate_limit: None if there is none.
    """

    def __init__(self, app: Any, keys: ApiKeys | None, rate_limit: RateLimit | None) -> None:
        self._app = app
        self._keys = keys
        self._rate_limit = rate_limit

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        name = self._keys.name_of(_bearer(scope)) if self._keys else ""
        scope[CLIENT] = name or ""
        address = (scope.get("client") or ("unknown",))[0]
        client = f"key {name}" if name else address
        wait = self._rate_limit.seconds_to_wait(client) if self._rate_limit else 0
        if wait:
            response = problem_response(
                TOO_MANY,
                f"too many requests: try again in {math.ceil(wait)} s",
                {"Retry-After": str(math.ceil(wait))},
            )
        elif name is None:
            response = problem_response(
                NO_KEY,
                "send a known API key in the header: Authorization: Bearer KEY",
                {"WWW-Authenticate": "Bearer"},
            )
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)


def _bearer(scope: Mapping[str, Any]) -> str:
    """The key in the header Authorization, or ""."""
    for name, value in scope["headers"]:
        scheme, _, key = value.decode("latin-1").partition(" ")
        if name == b"authorization" and scheme.lower() == "bearer":
            return str(key.strip())
    return ""
