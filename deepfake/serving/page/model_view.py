"""The tab that describes the model."""

import streamlit as st

from deepfake.serving.html import model_part
from deepfake.serving.service import Service


def show_model(service: Service) -> None:
    """Show the model's operating points, origin and limits."""
    st.html(model_part(service.detector))
