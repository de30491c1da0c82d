"""`python -m deepfake` is the `deepfake` command."""

from deepfake.cli.app import app

if __name__ == "__main__":
    app(prog_name="deepfake")
