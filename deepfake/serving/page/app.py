"""The web application around the page: Streamlit with our first HTML document."""

from collections.abc import Mapping
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit.web.server.starlette import App

from deepfake.serving.html import style
from deepfake.serving.page_command import PAGE

TITLE = "Deepfake detector"


def page_app(environment: Mapping[str, str]) -> App:
    """The application; `environment` has the settings of the page."""
    return App(PAGE, routes=[Route("/", _first_document)])


async def _first_document(request: Request) -> HTMLResponse:
    return HTMLResponse(first_document(), headers={"Cache-Control": "no-cache"})


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
