"""Files below an address such as s3://bucket/prefix: their list, and downloads with retries.

A file is known by its path and its version: the version id of S3, else the ETag, else the time of
the last change.
"""

import errno
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from deepfake.base.errors import DeepfakeError

PAUSES = (1, 5, 15, 30)  # seconds before each new attempt after a lost connection
LOCAL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # of the disk that is written to
THREADS = 16  # requests at a time, for a list of files without their sizes
SSH_OPTIONS = {"keepalive_interval": 15}  # seconds; a silent server is a lost connection
VERSION_ID = "id:"  # begins a version that can be read after the file has changed
FORBIDDEN = (401, 403)  # HTTP status
MISSING = (404, 410)
LIST_AGAIN = "list the files again with `deepfake list-files`"
CREDENTIALS = "check the credentials (docs/your-data.md, section Videos in a bucket)"

T = TypeVar("T")


class RemoteError(DeepfakeError):
    """Files at an address could not be listed or read."""


@dataclass(frozen=True)
class RemoteFile:
    """A file below an address.

    Attributes:
        path: below the address, with forward slashes.
        size: bytes.
        version: "id:..." (version id), "etag:..." or "time:..." (last change).
    """

    path: str
    size: int
    version: str


class RemoteFolder:
    """The files below an address; several threads may use it at a time."""

    def __init__(self, address: str) -> None:
        """Opens no connection.

        Args:
            address: s3://bucket/prefix, https://host/folder, sftp://host/folder, or another that
                fsspec supports.

        Raises:
            RemoteError: the address contains a password.
        """
        if urlsplit(address).password is not None:
            raise RemoteError(
                f"{address.split('://')[0]}://...: an address must not contain a password, since it is"
                f" written to a file: {CREDENTIALS}"
            )
        self.address = address.rstrip("/")
        self._is_http = address.startswith(("http://", "https://"))
        self._is_s3 = address.startswith(("s3://", "s3a://"))
        self._lock = Lock()  # of the connection
        self._system: Any = None
        self._top = ""  # the address without its protocol, as the file system wants it

    def __reduce__(self) -> tuple[type["RemoteFolder"], tuple[str]]:
        return RemoteFolder, (self.address,)  # without the connection, for other machines

    def files(self) -> list[RemoteFile]:
        """All files at any depth, sorted by path.

        Raises:
            RemoteError: the files could not be listed; a part of them is never returned.
        """
        if self._is_s3:
            entries = self._retried(self._s3_entries, self.address)
        else:
            entries = [*self._entries_below("")]
        if self._is_http:  # its pages have no sizes
            with ThreadPoolExecutor(THREADS) as pool:
                infos = pool.map(self._retried_info, [path for path, _ in entries])
                entries = [(path, info) for (path, _), info in zip(entries, infos, strict=True)]
        found = [self._file(path, info) for path, info in entries]
        return sorted(found, key=lambda file: file.path)

    def download(self, file: RemoteFile, target: Path) -> None:
        """Write one version of a file to `target`.

        Raises:
            RemoteError: the file could not be read, or has another version by now.
            OSError: the disk is full or read-only.
        """
        name = self.address_of(file.path)
        version_id = file.version.removeprefix(VERSION_ID)
        options = {"version_id": version_id} if version_id != file.version else {}

        def get(system: Any) -> None:
            system.get_file(self._place(file.path), str(target), **options)
            if not options and self._file(file.path, self._info(system, file.path)) != file:
                raise RemoteError(f"{name} changed after it was listed: {LIST_AGAIN}")
            if (size := target.stat().st_size) != file.size:
                raise ConnectionError(f"{size} of {file.size} bytes arrived")

        self._retried(get, name)

    def address_of(self, path: str) -> str:
        """The address of a file, given its path below the folder."""
        return f"{self.address}/{path}"

    def _place(self, path: str) -> str:
        """Where the file system finds a file."""
        below = quote(path) if self._is_http else path
        return f"{self._top}/{below}" if below else self._top

    def _info(self, system: Any, path: str) -> Any:
        """What the server says about a file now."""
        return system.info(self._place(path), **({"refresh": True} if self._is_s3 else {}))

    def _retried_info(self, path: str) -> Any:
        return self._retried(lambda system: self._info(system, path), self.address_of(path))

    def _file(self, path: str, info: dict[str, Any]) -> RemoteFile:
        """Size and version of a file from what fsspec knows about it."""
        version_id = info.get("VersionId")
        changed = info.get("mtime") or info.get("LastModified") or info.get("Last-Modified")
        if version_id and version_id != "null":
            version = f"{VERSION_ID}{version_id}"
        elif etag := str(info.get("ETag") or "").removeprefix("W/").strip('"'):
            version = f"etag:{etag}"
        elif changed:
            version = f"time:{changed}"
        else:
            version = ""
        if info.get("size") is None or not version:
            raise RemoteError(
                f"{self.address_of(path)}: the server does not tell its size and when it changed"
                " (ETag or Last-Modified), so that a changed video could not be noticed; use another"
                " server"
            )
        return RemoteFile(path, int(info["size"]), version)

    def _s3_entries(self, system: Any) -> list[tuple[str, Any]]:
        import fsspec

        bucket, _, _ = system.split_path(self._top)
        try:
            has_versions = system.is_bucket_versioned(bucket)
        except PermissionError:  # of credentials that may only read; then ETags are used
            has_versions = False
        if has_versions:
            system = fsspec.filesystem("s3", version_aware=True)
        system.invalidate_cache()
        entries = system.find(self._top, detail=True).items()
        return [
            (name.removeprefix(f"{self._top}/"), info)
            for name, info in entries
            if info["type"] == "file" and not name.endswith("/")
        ]

    def _entries_below(self, folder: str) -> Iterator[tuple[str, Any]]:
        """Files below a folder. fsspec's `find` leaves out folders that it cannot list."""

        def read(system: Any) -> tuple[str, Any]:
            place = f"{self._place(folder)}/"
            return place, system.ls(place, detail=True)

        place, infos = self._retried(read, self.address_of(folder).rstrip("/"))
        for info in sorted(infos, key=lambda info: str(info["name"])):
            # A name with ? or # is a link of a web page to sort its list, and no file.
            name = str(info["name"]).removeprefix(place)
            below = name.rstrip("/")
            if not below or "/" in below or (self._is_http and {"?", "#"} & {*name}):
                continue
            path = "/".join(filter(None, [folder, unquote(below) if self._is_http else below]))
            if info["type"] not in ("file", "directory"):  # a link
                info = self._retried_info(path)
            if info["type"] == "directory":
                yield from self._entries_below(path)
            else:
                yield path, info

    def _retried(self, call: Callable[[Any], T], name: str) -> T:
        """Call with the file system, again with a new connection where one was lost."""
        for pause in (*PAUSES, None):
            system = None
            try:
                system = self._connected()
                return call(system)
            except DeepfakeError:
                raise
            except Exception as error:  # each file system raises its own exceptions
                cause = _cause(error)
                if isinstance(cause, OSError) and cause.errno in LOCAL_ERRORS:
                    raise
                problem, remedy = _explain(cause)
                if remedy or pause is None:
                    remedy = remedy or "run the same command again when the server can be reached"
                    raise RemoteError(f"{name}: {problem}: {remedy}") from error
            print(f"{name}: {problem}, next attempt in {pause} s", file=sys.stderr, flush=True)
            with self._lock:
                if self._system is system:
                    self._system = None
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _connected(self) -> Any:
        import fsspec

        with self._lock:
            if self._system is None:
                options = SSH_OPTIONS if self.address.startswith(("ssh://", "sftp://")) else {}
                system, top = fsspec.core.url_to_fs(
                    self.address, skip_instance_cache=True, **options
                )
                self._system, self._top = system, top.rstrip("/")
            return self._system


def _cause(error: Exception) -> BaseException:
    """The exception of the connection: fsspec reports each of HTTP's as a missing file."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and type(cause).__module__.startswith("aiohttp"):
        return cause or error
    return error


def _explain(error: BaseException) -> tuple[str, str]:
    """What failed, in one line, and what to do; "" if another attempt may succeed."""
    status = getattr(error, "status", None)  # of aiohttp
    detail = (str(error).splitlines() or [""])[0]
    problem = f"{type(error).__name__} {detail}".rstrip()
    if isinstance(error, FileNotFoundError) or status in MISSING:
        return f"not found ({problem})", f"check the address; if it was right before, {LIST_AGAIN}"
    if isinstance(error, PermissionError) or status in FORBIDDEN or _lacks_credentials(error):
        return f"access denied ({problem})", CREDENTIALS
    if isinstance(error, (ValueError, ImportError)):
        return problem, "use an address that fsspec supports, such as s3:// or https://"
    return problem, ""


def _lacks_credentials(error: BaseException) -> bool:
    """Whether botocore found no credentials, or incomplete ones."""
    if not type(error).__module__.startswith("botocore"):
        return False
    from botocore import exceptions as boto

    transfer = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)
    return isinstance(error, boto.BotoCoreError) and not isinstance(error, transfer)
