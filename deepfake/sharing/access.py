"""Whether a DVC remote can be reached, and what to set when it cannot."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from deepfake.base.errors import DeepfakeError, DvcRemoteError
from deepfake.base.text import printable

SECONDS = 10.0  # a remote that does not answer until then is unreachable
REFUSED = (401, 403)  # statuses of HTTP: no credentials, or wrong ones
ABSENT = (404, 410)
# Settings of a remote that carry credentials; S3 has further sources, such as the environment.
CREDENTIALS = frozenset(
    ["access_key_id", "password", "token", "bearer_token_command", "keyfile", "cert_path"]
)
AGAIN = "run the same command again, which transfers what is missing"
HOW_TO_ADD = (
    "add one with `dvc remote add --default storage ADDRESS`, where ADDRESS is s3://BUCKET/PATH,"
    " ssh://USER@HOST/PATH, webdavs://HOST/PATH, https://HOST/PATH or a folder (docs/sharing.md)"
)
FILL = "check its address; if it is right, `make push` fills it"
CREATE = "check its address; if it is right, create the folder on the server, which DVC does not"
# What to set, by the protocol of a remote; {name} is the remote's.
WHAT_TO_SET = {
    "s3": (
        "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or set access_key_id and"
        " secret_access_key with `dvc remote modify --local {name} KEY VALUE`"
    ),
    "ssh": (
        "run `ssh-add`, or set keyfile or password with `dvc remote modify --local {name} KEY VALUE`"
    ),
    "webdav": "set user and password with `dvc remote modify --local {name} KEY VALUE`",
    "http": "set auth (basic), user and password with `dvc remote modify --local {name} KEY VALUE`",
    "local": "ask the owner of the folder for permission to read it",
}


class Access(Enum):
    """What a remote answered."""

    GRANTED = "is reachable"
    EMPTY = "nothing is there"
    NO_CREDENTIALS = "credentials are missing"
    WRONG_CREDENTIALS = "credentials are wrong, or do not suffice"
    NONE = "is not reachable"


@dataclass(frozen=True)
class Answer:
    """What a remote answered.

    Attributes:
        access: whether it may be used.
        detail: the error, in one line; "" if there was none.
        remedy: what to do; "" if nothing is to be done.
    """

    access: Access
    detail: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """What it answered, with the error; not what to do."""
        return f"{self.access.value} ({self.detail})" if self.detail else self.access.value


def ask(repo: Any, name: str) -> Answer:
    """Ask a remote for its top folder, or, over HTTP, for an object.

    Args:
        repo: a `dvc.repo.Repo`.
        name: of the remote.

    Example:
        >>> from dvc.repo import Repo
        >>> with Repo() as repo:  # doctest: +SKIP
        ...     ask(repo, "storage").access
        <Access.GRANTED: 'is reachable'>
    """
    found = in_time(lambda: _look(repo, name))
    if found is None:
        return Answer(Access.NONE, f"no answer in {SECONDS:g} s", "check network and address")
    if not isinstance(found, Exception):
        if found:
            return Answer(Access.GRANTED)
        is_webdav = protocol_of(repo, name) == "webdav"
        return Answer(Access.EMPTY, "", CREATE if is_webdav else FILL)
    detail = " ".join(f"{type(found).__name__} {found}".split())
    if not any(is_refusal(error) for error in _chain(found)):
        return Answer(Access.NONE, detail, "check network and address (`dvc remote list`)")
    protocol = protocol_of(repo, name)
    remedy = WHAT_TO_SET.get(protocol, "see `dvc remote modify --help`").format(name=name)
    is_set = _has_credentials(repo, name) or protocol == "local"
    return Answer(Access.WRONG_CREDENTIALS if is_set else Access.NO_CREDENTIALS, detail, remedy)


def default_remote(repo: Any) -> str:
    """The name of the default remote.

    Raises:
        DvcRemoteError: there is none, or it is not configured.
    """
    name, known = repo.config["core"].get("remote"), [*repo.config["remote"]]
    if name in known:
        return str(name)
    if name:
        raise DvcRemoteError(
            f"{name} is the default remote, but its address is unknown: {HOW_TO_ADD}"
        )
    if known:
        raise DvcRemoteError(
            f"no default remote: choose one with `dvc remote default --local NAME` ({', '.join(known)})"
        )
    raise DvcRemoteError(f"no remote is configured: {HOW_TO_ADD}")


def check_access(repo: Any, name: str) -> None:
    """Ask a remote.

    Raises:
        DvcRemoteError: it cannot be reached, or credentials are missing or wrong; says what to set.
    """
    answer = ask(repo, name)
    if answer.access is not Access.GRANTED and answer.remedy != FILL:
        url = repo.config["remote"][name]["url"]
        raise DvcRemoteError(f"{name}, {url}: {answer}: {answer.remedy}")


def reported(transfer: Callable[[], list[str]]) -> list[str] | None:
    """What a transfer returns, or None after its error has been printed."""
    try:
        return transfer()
    except DeepfakeError as error:
        for line in f"error: {error}".splitlines():
            print(printable(line), file=sys.stderr)
        return None


def protocol_of(repo: Any, name: str) -> str:
    """The protocol of a remote: s3, ssh, webdav, http, local or another one; without TLS's s."""
    from dvc.fs import get_cloud_fs

    cls, _, _ = get_cloud_fs(repo.config, name=name)
    protocol = str(cls.protocol)
    return {"https": "http", "webdavs": "webdav"}.get(protocol, protocol)


def in_time(question: Callable[[], bool]) -> bool | Exception | None:
    """The answer or its error, or None after `SECONDS`; the question goes on in its thread."""
    answers: list[bool | Exception] = []

    def run() -> None:
        try:
            answers.append(question())
        except Exception as error:  # each file system raises its own exceptions
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers[0] if answers else None


def _look(repo: Any, name: str) -> bool:
    """Whether something is there; raises what the file system raises."""
    from aiohttp import ClientError
    from asyncssh import SSHClient
    from dvc.fs import get_cloud_fs

    protocol = protocol_of(repo, name)
    cls, config, path = get_cloud_fs(repo.config, name=name)
    if protocol == "ssh":
        config["client_factory"] = SSHClient  # DVC's asks for a password on the terminal
    if protocol == "http":  # a web server need not list folders
        values = [out.hash_info.value for stage in repo.index.stages for out in stage.outs]
        path = repo.cloud.get_remote(name).odb.oid_to_path(next(filter(None, values), "0" * 32))
    try:
        cls(**config).info(path)
    except FileNotFoundError as error:  # over HTTP, whatever went wrong
        causes = [one for one in _chain(error) if isinstance(one, ClientError)]
        if causes and getattr(causes[0], "status", None) not in ABSENT:
            raise causes[0] from None
        return False
    return True


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and what it was raised from; causes and contexts may form a ring."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def is_refusal(error: BaseException) -> bool:
    """Whether an error of a file system says that credentials are missing, wrong or insufficient."""
    from asyncssh import PermissionDenied
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    refusals = (PermissionError, PermissionDenied, NoCredentialsError, PartialCredentialsError)
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    return isinstance(error, refusals) or status in REFUSED


def _has_credentials(repo: Any, name: str) -> bool:
    if CREDENTIALS.intersection(repo.config["remote"][name]):
        return True
    if protocol_of(repo, name) != "s3":
        return False
    from botocore.session import Session

    return Session(profile=repo.config["remote"][name].get("profile")).get_credentials() is not None
