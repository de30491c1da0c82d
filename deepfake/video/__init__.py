"""Video and image files in, evenly spaced frames with exact indices out (data/frames).

It may import `base`, `params`, `core` and `jobs`.
"""
