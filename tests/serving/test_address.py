"""Addresses that untrusted people name; each server is on loopback."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deepfake.serving import address
from deepfake.serving.address import AddressError, FetchRules, fetch, is_public

CONTENT = bytes(range(256)) * 40
SECRET = "token-in-the-address"


class Handler(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        name = self.path.split("?")[0].strip("/")
        with suppress(OSError):  # the client may have gone
            getattr(self, f"send_{name}", self.send_file)()

    def start(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Set-Cookie", "session=1")
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def send_file(self) -> None:
        self.start(Content_Length=str(len(CONTENT)))
        self.wfile.write(CONTENT)

    def send_missing(self) -> None:
        self.start(404)

    def send_page(self) -> None:
        self.start(Content_Type="text/html; charset=utf-8")

    def send_large(self) -> None:
        self.start(Content_Length=str(10**12))

    def send_endless(self) -> None:
        self.start()
        while True:
            self.wfile.write(CONTENT)

    def send_cut(self) -> None:
        self.start(Content_Length=str(2 * len(CONTENT)))
        self.wfile.write(CONTENT)

    def send_drip(self) -> None:
        self.start()
        while True:
            self.wfile.write(b"a")
            time.sleep(0.02)

    def send_drip_headers(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while True:
            self.wfile.write(b"a")
            time.sleep(0.02)

    def send_moved(self) -> None:
        self.start(302, Location="/other/clip%20one.mp4")

    def send_away(self) -> None:
        self.start(302, Location=self.server.away)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Site:
    """A running server: its rules, and the requests that it has seen."""

    rules: FetchRules
    server: Any
    names: dict[str, list[str]]
    looked_up: list[str] = field(default_factory=list)

    @property
    def seen(self) -> list[tuple[str, dict[str, str]]]:
        return list(self.server.seen)


@contextmanager
def served(scheme: str, wrap: ssl.SSLContext | None = None) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.seen = []  # type: ignore[attr-defined]
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if wrap:
        server.socket = wrap.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    rules = FetchRules(
        max_bytes=30_000,
        seconds=30,
        ports={scheme: server.server_port},
        is_allowed=lambda ip: ip == "127.0.0.1",
    )
    try:
        yield Site(rules, server, {})
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="module")
def http_server() -> Iterator[Site]:
    with served("http") as running:
        yield running


@pytest.fixture
def site(http_server: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    http_server.server.seen.clear()
    return with_names(http_server, monkeypatch)


def with_names(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Each name is resolved to the next address of its list, the last one forever."""
    site.names = {"clips.example": ["127.0.0.1"]}
    site.looked_up = []
    resolve = socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        site.looked_up.append(host)
        answers = site.names.get(host, [host])
        return resolve(answers.pop(0) if len(answers) > 1 else answers[0], *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return site


def test_a_file_is_fetched_without_cookies_proxies_and_secrets(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetched = fetch(f" http://clips.example/moved?{SECRET} ", site.rules)
    with fetched.stream as stream:
        assert stream.read() == CONTENT
    assert fetched.name == "clip one.mp4"
    assert [path for path, _ in site.seen] == [f"/moved?{SECRET}", "/other/clip%20one.mp4"]
    for _, headers in site.seen:
        assert headers["Host"] == "clips.example"
        assert not {"Cookie", "Authorization", "Referer"} & set(headers)
    fetch("http://clips.example/ä b%20c?q=ü", site.rules).stream.close()
    assert site.seen[-1][0] == "/%C3%A4%20b%20c?q=%C3%BC"
    assert fetch("http://clips.example", site.rules).name == "clips.example"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "status 404"),
        ("page", "a web page: copy the address of the image"),
        ("large", "larger than the limit"),
        ("endless", "larger than the limit"),
        ("cut", "the connection ended before the file did"),
        ("drip", "the server is too slow"),
        ("drip_headers", "the server is too slow"),
    ],
)
def test_answers_that_are_refused(site: Site, path: str, message: str) -> None:
    rules = replace(site.rules, seconds=0.3 if "drip" in path else 30)
    with pytest.raises(AddressError, match=message) as caught:
        fetch(f"http://clips.example/{path}?{SECRET}", rules)
    assert SECRET not in str(caught.value)
    assert threading.active_count() < 20, "timers end"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with https"),
        ("file:///etc/passwd", "must begin with https"),
        ("ftp://clips.example/a", "must begin with https"),
        ("http://", "no valid host name"),
        ("http://[fe80::1%25lo]/", "no valid host name"),
        ("http://[::1/", "not a valid address"),
        ("http://clips.example:port/", "not a valid address"),
        (f"http://{'a' * 70}.example/", "not a valid address"),
        ("http://anna:secret@clips.example/", "user name or a password"),
        ("http://@clips.example/", "user name or a password"),
        ("http://clips.example:1/", "another port"),
    ],
)
def test_addresses_that_are_refused_unresolved(site: Site, url: str, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        fetch(url, site.rules)
    assert not site.looked_up


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "localhost"),
        *("0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.1.2.3"),
    ],
)
def test_networks_that_are_not_public(site: Site, host: str) -> None:
    rules = replace(site.rules, is_allowed=is_public)
    with pytest.raises(AddressError, match=r"not public|no server of this name"):
        fetch(f"http://{host}/", rules)
    assert not site.seen


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        *[(ip, True) for ip in ("8.8.8.8", "2600::1", "64:ff9b::808:808")],
        *[(ip, False) for ip in ("192.168.1.1", "172.16.0.1", "100.64.0.1", "224.0.0.1")],
        *[(ip, False) for ip in ("255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1")],
        *[(ip, False) for ip in ("::ffff:8.8.8.8", "::8.8.8.8", "::ffff:0:808:808", "fc00::1")],
        *[(ip, False) for ip in ("fe80::1%lo", "2600::1%lo", "fec0::1", "ff0e::1", "2001:db8::1")],
        *[(ip, False) for ip in ("64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:7f00:1::")],
        *[(ip, False) for ip in ("2002:808:808::1", "2001:0:808:808::1", "100::1")],
    ],
)
def test_public_addresses(ip: str, public: bool) -> None:
    assert is_public(ip) is public


def test_a_name_is_resolved_once_for_each_request(site: Site) -> None:
    """A name server that changes its answer between check and connection gains nothing."""
    site.names["clips.example"] = ["127.0.0.1", "10.0.0.1"]
    fetch("http://clips.example/", site.rules).stream.close()
    assert site.looked_up == ["clips.example"]
    site.names["clips.example"] = ["127.0.0.1", "10.0.0.1"]
    with pytest.raises(AddressError, match="not public"):
        fetch("http://clips.example/moved", site.rules)  # the redirect is resolved again


@pytest.mark.parametrize(
    ("away", "message"),
    [
        ("http://localhost.example/", "not public"),
        ("//10.0.0.1/", "not public"),
        ("file:///etc/passwd", "must begin with"),
        ("http://a:b@clips.example/", "user name"),
        ("http://clips.example:22/", "another port"),
        ("/away", "more than 5 redirects"),
    ],
)
def test_redirects_are_checked_like_addresses(site: Site, away: str, message: str) -> None:
    site.names["localhost.example"] = ["127.0.0.2"]
    site.server.away = away
    with pytest.raises(AddressError, match=message):
        fetch("http://clips.example/away", site.rules)


def test_a_server_that_is_not_there(site: Site) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {"http": closed.getsockname()[1]}
        with pytest.raises(AddressError, match="no connection"):
            fetch("http://clips.example/", replace(site.rules, ports=ports))


def test_the_standard_ports_and_the_public_internet_are_the_default() -> None:
    rules = FetchRules(max_bytes=1)
    assert rules.ports == {"http": 80, "https": 443}
    assert rules.is_allowed is is_public
    assert rules.seconds == address.FETCH_SECONDS
    assert rules.tls.verify_mode is ssl.CERT_REQUIRED
    assert rules.tls.check_hostname


def certificate(path: Path, name: str) -> Path:
    """A file with a new key and its own certificate for a host name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - day, now + day)
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    return path


def test_certificates_are_checked_against_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name goes into the handshake, though the connection goes to the address."""
    pem = certificate(tmp_path / "server.pem", "clips.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    asked: list[str | None] = []
    note: Callable[..., None] = lambda _, name, __: asked.append(name)  # noqa: E731
    context.sni_callback = note
    with served("https", context) as running:
        site = with_names(running, monkeypatch)
        site.names["other.example"] = ["127.0.0.1"]
        trusting = replace(site.rules, tls=ssl.create_default_context(cafile=str(pem)))
        with fetch("https://clips.example/a.mp4", trusting).stream as stream:
            assert stream.read() == CONTENT
        assert asked == ["clips.example"]
        assert ipaddress.ip_address(site.server.server_address[0]).is_loopback
        with pytest.raises(AddressError, match="no encrypted connection"):
            fetch("https://other.example/a.mp4", trusting)
        with pytest.raises(AddressError, match="no encrypted connection"):
            fetch("https://clips.example/a.mp4", site.rules)  # of an unknown authority
        with pytest.raises(AddressError, match="too slow"):
            fetch("https://clips.example/drip", replace(trusting, seconds=0.3))
        assert len(site.seen) == 2
