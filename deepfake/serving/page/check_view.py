"""The tab that checks files."""

from deepfake.serving.page.analyses import analyse
from deepfake.serving.page.feedback_form import show_feedback
from deepfake.serving.page.file_input import choose_files
from deepfake.serving.page.list_view import show_files
from deepfake.serving.page.result_view import offer_downloads, show_details
from deepfake.serving.page.visits import ChosenFile, Visit
from deepfake.serving.page_command import PageSettings
from deepfake.serving.service import Analysis, Service


def show_check(service: Service, settings: PageSettings, visit: Visit) -> list[ChosenFile]:
    """Show one file with all details, or several in a table; returns the files on the page."""
    files = choose_files("one", "Drop images or videos", settings, visit)

    def show_one(file: ChosenFile, analysis: Analysis) -> None:
        show_details(service, analysis)
        offer_downloads(analysis)
        if settings.feedback:
            show_feedback(file, analysis.result)

    if len(files) > 1:
        show_files(service, files, visit, show_one)
    elif files and (analysis := analyse(service, files[0], visit)):
        show_one(files[0], analysis)
    return files
