"""The page of `deepfake app`. Streamlit runs this file again at every interaction."""

import os

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.serving.models import offered_models
from deepfake.serving.page.check_view import show_check
from deepfake.serving.page.comparison_view import show_comparison
from deepfake.serving.page.model_view import choose_point, show_model
from deepfake.serving.page.this_visit import this_visit
from deepfake.serving.page.visits import shared_memory
from deepfake.serving.page_command import PageSettings
from deepfake.serving.service import Service

SETTINGS = PageSettings.from_environment(os.environ)


def main() -> None:
    """Show the page."""
    st.set_page_config("Deepfake detector", layout="wide")
    st.title("Was a face swapped?")
    try:
        service = load_service(SETTINGS)
        offered = offered_models(SETTINGS.model)
    except DeepfakeError as error:
        st.error(str(error))
        st.stop()
    visit = this_visit(shared_memory(SETTINGS.total_megabytes, SETTINGS.keep_minutes))
    service = choose_point(service, offered[0], visit)
    check, compare, model = st.tabs(["Check files", "Compare", "The model"])
    with check:
        files = show_check(service, SETTINGS, visit)
    with compare:
        files += show_comparison(service, SETTINGS, offered, visit)
    with model:
        show_model(service, offered[0])
    visit.keep_only({file.key for file in files})


def _load(settings: PageSettings) -> Service:
    return Service.load(settings.model, settings.limits, operating_point=settings.operating_point)


load_service = st.cache_resource(
    show_spinner="Loading the model", hash_funcs={PageSettings: PageSettings.to_text}
)(_load)


if __name__ == "__main__":
    main()
