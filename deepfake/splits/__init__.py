"""Manifest, frames and crops in, train, val and test out (data/splits), which share no person, source
video or near-duplicate.

It may import every package above it: `base` to `transforms`.
"""
