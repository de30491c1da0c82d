"""One importer per data set layout.

An importer is a module with two functions:

- `recognises(root)`: whether the folder is laid out this way, from a look at a few names;
- `listing(root)`: a row for every video on disk, and notes for the user.

What is on disk decides: a video that a metadata file names but that is missing gives a note, and so
does a video that no metadata file names. `datasets.scanning` completes and checks the rows.
"""
