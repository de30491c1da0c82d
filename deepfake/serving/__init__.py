"""Uploads in, verdicts out: the queue and limits, the HTTP API and the web page.

It may import every package above it except `training`, `evaluation` and `plots`.
"""
