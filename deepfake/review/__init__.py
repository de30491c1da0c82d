"""Two revisions of the repository in, what changed and what it did to the results out.

It may import `base`, `params`, `core`, `model` and `evaluation`.
"""
