"""The visit of the person for whom the page is drawn."""

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from deepfake.serving.page.visits import PageMemory, Visit

TOKEN = "visit"  # in the address
COOKIE = "deepfake-browser"  # a random number


def this_visit(memory: PageMemory) -> Visit:
    """The visit that the address names, else a new one, which the address names from now on."""
    browser, session = _cookies().get(COOKIE, ""), _session()
    visit = memory.visit(st.query_params.get(TOKEN, ""), browser, session)
    if st.query_params.get(TOKEN) != visit.token:
        st.query_params[TOKEN] = visit.token
    if refusal := memory.take_refusal(session):
        st.error(f"A file was not accepted: {refusal}.")
    return visit


def _cookies() -> Mapping[str, str]:
    cookies: Mapping[str, str] = st.context.cookies
    return cookies


def _session() -> str:
    context = get_script_run_ctx()
    assert context is not None, "the script runs for a session"
    return str(context.session_id)
