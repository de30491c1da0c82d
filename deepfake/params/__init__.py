"""params.yaml in, frozen typed dataclasses out; and overlays, which change values for an experiment.

It computes nothing: no field has a default, and DVC tracks the values. It may import `base`.
"""
