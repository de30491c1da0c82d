"""One importer per data set layout: `rows(root)` lists what is there.

An importer returns a table with the columns of `COLUMNS`; `deepfake.manifest` completes and
validates it. `original` holds the path of the real video a fake was made from.
"""

COLUMNS = [
    "path",
    "label",
    "method",
    "compression",
    "target",
    "source",
    "original",
    "official_split",
]
