"""The `deepfake` command. It may import every package; each command loads its own when it is called."""
