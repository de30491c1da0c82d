"""A user's file in, a verdict out: its inputs, preprocessing, result, report and annotated video, and
the command.

It may import every package above it except `training`, `evaluation` and `plots`.
"""
