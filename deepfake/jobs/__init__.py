"""A function of one video in, its results for many videos out: in processes with limits, in order,
with a scratch cache, and with the videos that failed.

It may import `base`, `params` and `core`.
"""
