"""API keys and the rate limit."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.serving import access
from deepfake.serving.access import ApiKeyError, ApiKeys, RateLimit, add_key


def test_a_key_is_known_by_its_digest_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    first = add_key(path, "newsroom")
    path.write_text("# clients\n\n" + path.read_text().rstrip("\n"))  # as an editor may leave it
    second = CliRunner().invoke(app, ["api-key", "lab-2", str(path)]).stdout.strip()
    assert len(first) >= 43, "256 bits"
    assert first not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = ApiKeys.read(path)
    assert [keys.name_of(key) for key in (first, second)] == ["newsroom", "lab-2"]
    assert [keys.name_of(key) for key in ("", first[:-1], path.read_text()[-65:-1])] == [None] * 3


def test_a_name_has_one_key(tmp_path: Path) -> None:
    add_key(tmp_path / "keys.txt", "a")
    with pytest.raises(ApiKeyError, match="delete its line to make a new one"):
        add_key(tmp_path / "keys.txt", "a")
    with pytest.raises(ApiKeyError, match="use up to 64 letters"):
        add_key(tmp_path / "keys.txt", "two words")


@pytest.mark.parametrize(
    "text", ["a 12", f"a {'0' * 64}\na {'1' * 64}", f"a b {'0' * 64}", "\udcff"]
)
def test_a_broken_file_of_keys_is_an_error(tmp_path: Path, text: str) -> None:
    """Never a server that knows fewer keys than its file, or none."""
    path = tmp_path / "keys.txt"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ApiKeyError, match=r"keys\.txt"):
        ApiKeys.read(path)
    result = CliRunner().invoke(app, ["serve", "--api-keys", str(path)])
    assert (result.exit_code, "deepfake api-key" in result.stderr) == (1, True)
    with pytest.raises(ApiKeyError, match="cannot be read"):
        ApiKeys.read(tmp_path / "none.txt")


def test_the_rate_limit_refills() -> None:
    now = 0.0
    limit = RateLimit(per_minute=3, clock=lambda: now)
    assert [limit.seconds_to_wait("a") for _ in range(4)] == [0, 0, 0, 20]
    assert limit.seconds_to_wait("b") == 0, "each client has its own"
    now = 15.0
    assert limit.seconds_to_wait("a") == pytest.approx(5)
    now = 20.0
    assert [limit.seconds_to_wait("a") for _ in range(2)] == [0, 20]
    now = 1000.0
    assert [limit.seconds_to_wait("a") for _ in range(4)] == [0, 0, 0, 20], "never more at once"


def test_the_memory_of_the_rate_limit_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_CLIENTS", 3)
    now = 0.0
    limit = RateLimit(per_minute=1, clock=lambda: now)
    for client in range(10):
        now += 1
        assert limit.seconds_to_wait(str(client)) == 0
        assert len(limit._tokens) <= 3
    assert limit.seconds_to_wait("9") > 0, "the last clients are remembered"
