"""The form that notes a wrong verdict."""

import streamlit as st

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.predict.result import Result
from deepfake.serving.feedback import FOLDER, FeedbackError, add_feedback
from deepfake.serving.page.visits import ChosenFile

TITLES = {REAL: "Real: no face was manipulated", FAKE: "Fake: a face was manipulated"}


def show_feedback(file: ChosenFile, result: Result) -> None:
    """Ask what the file really is, and whether it may be kept; write that to `FOLDER`."""
    title = "I know what this file is" if result.verdict == UNDECIDED else "This verdict is wrong"
    with st.expander(title), st.form(f"{file.key}-feedback", border=False):
        others = [label for label in TITLES if LABEL_NAMES[label] != result.verdict]
        label: int | None = others[0]
        if len(others) > 1:
            label = st.radio(
                "What is it really?", others, index=None, format_func=lambda label: TITLES[label]
            )
        keep = st.checkbox("Also save a copy of the file there, to train a better model")
        st.caption(
            "Your answer, and the name, digest and score of the file, are saved on the computer that runs"
            " this page, and sent nowhere. Whoever runs it reviews them before they are used."
        )
        button = "Save" if len(others) > 1 else f"Save that it is {TITLES[others[0]].lower()}"
        if not st.form_submit_button(button):
            return
        if label is None:
            st.error("Choose what the file really is.")
            return
        try:
            kept = add_feedback(FOLDER, result, label, file.stream, keep)
        except FeedbackError as error:
            st.error(f"Not saved: {error}")
            return
        st.success(
            f"Saved{', with a copy of the file' if kept else ', without a copy of the file'}."
        )
