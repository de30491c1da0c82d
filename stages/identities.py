"""Find repeated people and content: crops, frames -> data/identities.csv, data/near_duplicates.csv."""

from pathlib import Path

import pandas as pd

from deepfake.base.stage import report_errors
from deepfake.core.tables import quantity_table, read_csv, write_csv
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits import identities, near_duplicates


def main(params: Params) -> None:
    """Write the people and the near-duplicates; a table is empty if its search is switched off."""
    settings, execution = params.identities, params.execution
    manifest = read_csv(Path("data/manifest.csv"))
    people = pd.DataFrame(columns=identities.COLUMNS)
    if settings.faces:
        tracks, vectors = identities.embed_videos(
            manifest, Path("data/crops"), params.crops.margin, settings, execution
        )
        people = identities.name_people(tracks, vectors, manifest, settings)
    content = pd.DataFrame(columns=near_duplicates.COLUMNS)
    if settings.near_duplicates:
        content = near_duplicates.find_near_duplicates(
            near_duplicates.hash_videos(manifest, Path("data/frames"), execution)
        )
    write_csv(Path("data/identities.csv"), people)
    write_csv(Path("data/near_duplicates.csv"), content)
    summary = {
        **identities.summarize_identities(people, manifest),
        **near_duplicates.summarize_near_duplicates(content),
    }
    write_csv(Path("plots/identities.tsv"), quantity_table(summary))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
