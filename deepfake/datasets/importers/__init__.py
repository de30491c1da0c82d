"""One importer per data set layout.

An importer is a module with two functions:

- `recognises(root)`: whether the folder has this layout, judged by a few names;
- `listing(root)`: a `Listing` with one row per video on disk, and notes for the user.

Only videos on disk get a row. A video that only a metadata file names gives a note, and so does a
video that its metadata file lacks. `datasets.scanning` completes and checks the rows.
"""
