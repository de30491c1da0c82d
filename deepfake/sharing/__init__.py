"""A DVC remote in, whether it can be used and whether every object is intact out; and what it has,
pulled.

It may import `base`.
"""
