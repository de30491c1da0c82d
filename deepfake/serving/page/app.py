"""The web application around the page: Streamlit, with our first HTML document and bound of memory."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import Runtime, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.web.server.starlette import App

from deepfake.serving.html import style
from deepfake.serving.page.this_visit import COOKIE
from deepfake.serving.page.visits import MemoryFullError, PageMemory, shared_memory
from deepfake.serving.page_command import PAGE, PageSettings

TITLE = "Deepfake detector"
UPLOADS = "/_stcore/upload_file/"  # before the session and the id of an upload
SWEEP_SECONDS = 10.0
COOKIE_BYTES = 16
MEBIBYTE = 2**20  # Streamlit's megabyte


def page_app(environment: Mapping[str, str]) -> App:
    """The application; `environment` has the settings of the page."""
    settings = PageSettings.from_environment(environment)
    memory = shared_memory(settings.total_megabytes, settings.keep_minutes)

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncIterator[None]:
        memory.serve(StreamlitSessions(get_instance(), asyncio.get_running_loop()))
        sweeping = asyncio.create_task(_sweep(memory))
        yield
        sweeping.cancel()

    return App(
        PAGE,
        lifespan=lifespan,
        routes=[Route("/", _first_document)],
        middleware=[
            Middleware(UploadGate, memory=memory, max_bytes=settings.limits.megabytes * MEBIBYTE)
        ],
    )


async def _sweep(memory: PageMemory) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        memory.sweep()


@dataclass(frozen=True)
class StreamlitSessions:
    """The sessions of Streamlit, as `PageMemory` sees them.

    Attributes:
        runtime: has the sessions.
        loop: where they may be closed.
    """

    runtime: Runtime
    loop: asyncio.AbstractEventLoop

    def is_connected(self, session: str) -> bool:
        """Whether a tab is connected now."""
        return bool(self.runtime.is_active_session(session))

    def close(self, session: str) -> None:
        """Delete the uploads of a lost connection, and then its state."""
        self.runtime.uploaded_file_mgr.remove_session_files(session)
        self.loop.call_soon_threadsafe(self._close, session)

    def _close(self, session: str) -> None:
        if not self.is_connected(session):
            self.runtime.close_session(session)  # marks its downloads for the next deletion
            self.runtime.media_file_mgr.remove_orphaned_files()

    def uploads(self) -> dict[str, int]:
        """The bytes of each upload by its id."""
        manager = self.runtime.uploaded_file_mgr
        assert isinstance(manager, MemoryUploadedFileManager)
        return {
            file_id: len(upload.data)
            for uploads in list(manager.file_storage.values())
            for file_id, upload in list(uploads.items())
        }


class UploadGate:
    """Refuses uploads for which there is no room, before they are in memory.

    After an error, the browser shows its status only and does not run the script of the page. So a
    refused upload is answered like an accepted one, nothing is stored, and the script says why.

    Args:
        app: the application behind; it refuses an upload of more than `max_bytes`.
        memory: has the bound.
        max_bytes: of an upload.
    """

    def __init__(self, app: ASGIApp, memory: PageMemory, max_bytes: int) -> None:
        self._app = app
        self._memory = memory
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "PUT" or not path.startswith(UPLOADS):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal():
            await Response("Content-Length is missing", 411)(scope, receive, send)
            return
        if int(length) > self._max_bytes:
            await self._app(scope, receive, send)
            return
        session = path.removeprefix(UPLOADS).partition("/")[0]
        try:
            with self._memory.arriving(session, int(length)):
                await self._app(scope, receive, send)
        except MemoryFullError:
            while (await receive()).get("more_body"):
                pass  # a browser takes an answer before the end of its request for an error
            await Response(status_code=204)(scope, receive, send)


async def _first_document(request: Request) -> HTMLResponse:
    response = HTMLResponse(first_document(), headers={"Cache-Control": "no-cache"})
    if COOKIE not in request.cookies:
        response.set_cookie(COOKIE, secrets.token_urlsafe(COOKIE_BYTES), httponly=True)
    return response


def first_document() -> str:
    """Streamlit's HTML document with our title and style sheet.

    The sheet is there from the beginning, so that nothing moves when the page replaces the skeleton
    that Streamlit shows first.
    """
    document = Path(streamlit.__file__).parent.joinpath("static", "index.html").read_text("utf-8")
    for old, new in (
        ("<title>Streamlit</title>", f"<title>{TITLE}</title>"),
        ("</head>", f"{style()}</head>"),
    ):
        if document.count(old) != 1:
            raise RuntimeError(f"the document of this version of Streamlit has no single {old}")
        document = document.replace(old, new)
    return document
