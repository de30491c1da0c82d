"""An overlay and data sets in, a run of the pipeline in a folder of its own and its published results
out.

It may import every package above it.
"""
