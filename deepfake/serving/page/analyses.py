"""The analysis of a single file."""

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.serving.page.visits import ChosenFile, Visit
from deepfake.serving.service import Analysis, Service


def analyse(service: Service, file: ChosenFile, visit: Visit) -> Analysis | None:
    """The analysis of a file, made now or in an earlier run; None if the file is refused."""
    place = st.empty()  # in every run, because Streamlit identifies elements by their order
    if file.key not in visit.analyses:
        with place.status("Reading the file") as status:
            try:
                file.stream.seek(0)
                analysis = service.analyse(
                    file.stream, file.name, lambda message: status.update(label=message)
                )
                visit.make_room(analysis.size)
                visit.analyses[file.key] = analysis
            except DeepfakeError as error:
                status.update(label=f"Not analysed: {error}", state="error")
                st.button("Try again", key=f"{file.key}-again")  # which runs the page again
                return None
        place.empty()
    return visit.analyses[file.key]
