"""Folders of videos in, one validated table of all videos out (data/manifest.csv). Each data set's
layout has an importer.

It may import `base`, `params` and `core`.
"""
