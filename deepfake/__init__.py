"""A deepfake detector you can trust, reproduce and review."""
