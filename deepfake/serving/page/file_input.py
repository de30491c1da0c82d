"""Where a person gives the page a file."""

from io import BytesIO
from uuid import uuid4

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from deepfake.serving.address import AddressError, FetchRules, fetch
from deepfake.serving.page.visits import ChosenFile, Visit
from deepfake.serving.page_command import PageSettings
from deepfake.serving.sample_clips import existing_clips
from deepfake.serving.uploads import UploadLimits, display_name


def choose_file(key: str, title: str, limits: UploadLimits, visit: Visit) -> ChosenFile | None:
    """Show a file uploader, and sample clips while nothing is uploaded."""
    uploaded = st.file_uploader(_title(title, limits), key=f"{key}-file")
    files = _with_others(key, [_uploaded_file(key, uploaded)] if uploaded else [], visit)
    return files[0] if files else None


def choose_files(key: str, title: str, settings: PageSettings, visit: Visit) -> list[ChosenFile]:
    """As `choose_file`, for several files; one of them may be at an address."""
    uploaded = st.file_uploader(
        _title(title, settings.limits), key=f"{key}-file", accept_multiple_files=True
    )
    files = [_uploaded_file(key, one) for one in uploaded]
    fetched = _choose_address(f"{key}-address", settings.limits) if settings.addresses else None
    return _with_others(key, [*files, *([fetched] if fetched else [])], visit)


def _with_others(key: str, files: list[ChosenFile], visit: Visit) -> list[ChosenFile]:
    """These files, those that an earlier connection of the visit left, or else a sample clip."""
    state = f"{key}-own"
    own: set[str] = st.session_state.get(state, set())
    left = [
        file for name, file in visit.files.items() if name.startswith(f"{key}-") and name not in own
    ]
    invitation = st.empty()
    if not files and not left:
        with invitation.container():
            sample = _choose_sample(key)
        files = [sample] if sample else []
    else:
        invitation.empty()
    if left:
        _show_left(key, left, visit)
    chosen = {file.key: file for file in files}
    for removed in own - set(chosen):
        visit.files.pop(removed, None)
    visit.files.update(chosen)
    st.session_state[state] = set(chosen)
    return [*files, *left]


def _show_left(key: str, left: list[ChosenFile], visit: Visit) -> None:
    def remove() -> None:
        for file in left:
            visit.files.pop(file.key, None)

    names, button = st.columns([5, 1], vertical_alignment="center")
    names.text(f"From before the connection was lost: {', '.join(file.name for file in left)}")
    button.button("Remove", key=f"{key}-left-remove", on_click=remove, width="stretch")


def _title(title: str, limits: UploadLimits) -> str:
    return f"{title}, up to {limits.megabytes} MB and {limits.minutes:g} minutes"


def _uploaded_file(key: str, uploaded: UploadedFile) -> ChosenFile:
    return ChosenFile(f"{key}-{uploaded.file_id}", uploaded.name, uploaded, uploaded.size)


def _choose_sample(key: str) -> ChosenFile | None:
    """Show the sample clips and what happens to files."""
    clips = {clip.title: clip for clip in existing_clips()}
    title = st.pills("Or try one of these", list(clips), key=f"{key}-sample") if clips else None
    if clips:
        st.caption("The name says what a clip really shows. The model may be wrong about it.")
    st.caption("Files are analysed on this machine, sent nowhere, and deleted afterwards.")
    if title is None:
        return None
    path = clips[title].path
    content = path.read_bytes()
    return ChosenFile(f"{key}-{path}", path.name, BytesIO(content), len(content))


def _choose_address(key: str, limits: UploadLimits) -> ChosenFile | None:
    """Ask for an address, and fetch its file once; returns the file until it is removed."""
    state = f"{key}-fetched"
    if state not in st.session_state:
        with st.form(key, border=False):
            field, button = st.columns([5, 1], vertical_alignment="bottom")
            url = field.text_input(
                "Or the address (https://...) of an image or a video", key=f"{key}-url"
            )
            if not button.form_submit_button("Fetch", width="stretch"):
                return None
        try:
            with st.spinner("Fetching the file"):
                fetched = fetch(url, FetchRules(limits.max_bytes))
        except AddressError as error:
            st.error(f"Not fetched: {error}")
            return None
        name = display_name(fetched.name)
        st.session_state[state] = ChosenFile(f"{key}-{uuid4()}", name, fetched.stream, size=0)
        st.rerun()
    file: ChosenFile = st.session_state[state]
    name_column, button_column = st.columns([5, 1], vertical_alignment="center")
    name_column.text(f"Fetched: {file.name}")
    button_column.button(
        "Remove", key=f"{key}-remove", on_click=lambda: st.session_state.pop(state), width="stretch"
    )
    return file
