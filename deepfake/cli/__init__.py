"""The `deepfake` command. It may import every package; each subcommand imports its own when called."""
