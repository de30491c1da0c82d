"""A file at an http or https address that an untrusted person names.

Such an address must not lead into the network of this machine (server-side request forgery). So each
host name is resolved once, all its addresses must be public, and the connection goes to one of them;
a redirect is handled as a new address. Python's `http.client` sends no cookies and no credentials, and
ignores proxies in the environment.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Timer
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from deepfake.base.errors import DeepfakeError

PORTS = {"http": 80, "https": 443}
MAX_REDIRECTS = 5
FETCH_SECONDS = 60.0  # for all of it, so that a server that sends a byte now and then gains nothing
CHUNK_BYTES = 1 << 16
REDIRECTS = {301, 302, 303, 307, 308}
IPV6_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
SAFE_IN_URL = "!#$%&'()*+,/:;=?@[]~"  # what is quoted already stays as it is
HOST = re.compile(r"[a-z0-9._:-]+")
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "deepfake"}

SocketAddress = tuple[socket.AddressFamily, tuple[object, ...]]


class AddressError(DeepfakeError):
    """An address is refused, or its file could not be fetched."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    An IPv6 address that stands for an IPv4 address (NAT64) is as public as that one. Other addresses
    outside 2000::/3, such as IPv4-mapped ones, and tunnels through IPv4 (6to4, Teredo) are not public.

    >>> is_public("10.0.0.1"), is_public("9.9.9.9"), is_public("::ffff:9.9.9.9")
    (False, True, False)
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(ip.packed[-4:])))
        if ip not in IPV6_GLOBAL_UNICAST or ip.sixtofour or ip.teredo:
            return False
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched.

    Attributes:
        max_bytes: maximum size of a file.
        seconds: maximum time for a file with all redirects, without the time to resolve names.
        ports: the port that each scheme may use.
        is_allowed: whether an IP address may be connected to.
        tls: verifies certificates.
    """

    max_bytes: int
    seconds: float = FETCH_SECONDS
    ports: dict[str, int] = field(default_factory=lambda: PORTS)
    is_allowed: Callable[[str], bool] = is_public
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)


@dataclass(frozen=True)
class FetchedFile:
    """A fetched file.

    Attributes:
        name: last part of the path of the address, or its host.
        stream: the content, in a file on the disk that disappears with it.
    """

    name: str
    stream: BinaryIO


@dataclass
class _Deadline:
    """The end of the time for a file."""

    end: float
    is_over: bool = False

    def seconds_left(self) -> float:
        left = self.end - time.monotonic()
        if left <= 0 or self.is_over:
            raise AddressError("the server is too slow")
        return left


def fetch(url: str, rules: FetchRules) -> FetchedFile:
    """Fetch the file at an address.

    Raises:
        AddressError: the address is refused by the rules, or the file could not be fetched. The
            message never has the address, which may hold a secret.
    """
    deadline = _Deadline(time.monotonic() + rules.seconds)
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = _checked(url, rules)
            with _response(parts, rules, deadline) as response:
                if response.status not in REDIRECTS:
                    return FetchedFile(_name(parts), _body(response, rules.max_bytes, deadline))
                url = urljoin(parts.geturl(), response.getheader("Location", ""))
    except AddressError:
        raise
    except ssl.SSLError as error:
        deadline.seconds_left()
        raise AddressError(f"no encrypted connection: {error.reason or error}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        deadline.seconds_left()
        raise AddressError(f"no connection, or no valid answer: {type(error).__name__}") from error
    raise AddressError(f"more than {MAX_REDIRECTS} redirects")


def _checked(url: str, rules: FetchRules) -> SplitResult:
    """The parts of an address, quoted, if they fit the rules."""
    try:
        parts = urlsplit(quote(url.strip(), safe=SAFE_IN_URL))
        host, port = unquote(parts.hostname or ""), parts.port
        ascii_host = host.encode("idna").decode()
    except ValueError as error:  # UnicodeError, too
        raise AddressError("not a valid address") from error
    if parts.scheme not in rules.ports:
        raise AddressError("the address must begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise AddressError("the address has a user name or a password: use one without")
    if not HOST.fullmatch(ascii_host):
        raise AddressError("the address has no valid host name")
    if port not in (None, rules.ports[parts.scheme]):
        raise AddressError("the address has another port than 80 for http or 443 for https")
    bracketed = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    return parts._replace(netloc=bracketed, fragment="")


@contextmanager
def _response(
    parts: SplitResult, rules: FetchRules, deadline: _Deadline
) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request, which is cut off at the deadline."""
    host, port = str(parts.hostname), rules.ports[parts.scheme]
    addresses = _allowed_addresses(host, port, rules.is_allowed)
    plain = _connect(addresses, deadline)
    with closing(plain.dup()) as cut, closing(plain):

        def cut_off() -> None:
            deadline.is_over = True
            cut.shutdown(socket.SHUT_RDWR)

        timer = Timer(deadline.seconds_left(), cut_off)
        timer.daemon = True
        timer.start()
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.auto_open = 0  # never connect again, which would resolve the name again
            connection.sock = plain
            if parts.scheme == "https":
                connection.sock = rules.tls.wrap_socket(plain, server_hostname=host)
            path = parts._replace(scheme="", netloc="").geturl() or "/"
            connection.request("GET", path, headers={"Host": parts.netloc, **HEADERS})
            with connection.getresponse() as response:
                yield response
        finally:
            timer.cancel()
            timer.join()  # so that it does not touch a closed socket
            connection.close()


def _allowed_addresses(
    host: str, port: int, is_allowed: Callable[[str], bool]
) -> list[SocketAddress]:
    """What a host name is resolved to, if all of it is allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise AddressError("no server of this name is found") from error
    if not all(is_allowed(str(address[0])) for *_, address in found):
        raise AddressError("the address leads to a network that is not public")
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]


def _connect(addresses: list[SocketAddress], deadline: _Deadline) -> socket.socket:
    """A connection to the first address that accepts one."""
    problem = OSError("no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.seconds_left())
            connection.connect(address)
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem


def _body(response: http.client.HTTPResponse, max_bytes: int, deadline: _Deadline) -> BinaryIO:
    """The content of an answer, in a temporary file."""
    if response.status != http.client.OK:
        raise AddressError(f"the server answered with status {response.status}")
    if response.headers.get_content_type() == "text/html":
        raise AddressError("a web page: copy the address of the image or the video itself")
    too_large = f"larger than the limit of {max_bytes / 10**6:g} MB"
    if (response.length or 0) > max_bytes:
        raise AddressError(too_large)
    file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    try:
        while chunk := response.read(CHUNK_BYTES):
            deadline.seconds_left()
            if file.tell() + len(chunk) > max_bytes:
                raise AddressError(too_large)
            file.write(chunk)
        deadline.seconds_left()  # cut off, a stream of unknown length seems complete
        if response.length:
            raise AddressError("the connection ended before the file did")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _name(parts: SplitResult) -> str:
    return unquote(PurePosixPath(parts.path).name) or str(parts.hostname)
