"""The analyses that the page shows, in the session state by the key of their file."""

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.serving.page.file_input import ChosenFile
from deepfake.serving.service import Analysis, Service

ANALYSES = "analyses"  # in the session state


def analyse(service: Service, file: ChosenFile) -> Analysis | None:
    """The analysis of a file, made now or in an earlier run; None if the file is refused."""
    analyses: dict[str, Analysis] = st.session_state.setdefault(ANALYSES, {})
    place = st.empty()  # in every run, because Streamlit identifies elements by their order
    if file.key not in analyses:
        with place.status("Reading the file") as status:
            try:
                file.stream.seek(0)
                analyses[file.key] = service.analyse(
                    file.stream, file.name, lambda message: status.update(label=message)
                )
            except DeepfakeError as error:
                status.update(label=f"Not analysed: {error}", state="error")
                st.button("Try again", key=f"{file.key}-again")  # which runs the page again
                return None
        place.empty()
    return analyses[file.key]


def forget_other_analyses(keys: set[str]) -> None:
    """Forget the analyses of files that are no longer on the page."""
    analyses: dict[str, Analysis] = st.session_state.get(ANALYSES, {})
    for key in set(analyses) - keys:
        del analyses[key]


def forget_all_analyses() -> None:
    """Forget the analyses of all files, which another operating point makes anew."""
    st.session_state.pop(ANALYSES, None)
