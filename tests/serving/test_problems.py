"""Errors as problem details: kinds, members, and their documentation."""

from pathlib import Path

from deepfake.serving import problems
from deepfake.serving.problems import REQUEST_ID, Problem, problem_response


def test_every_kind_of_error_is_documented(repository: Path) -> None:
    kinds = [one for one in vars(problems).values() if isinstance(one, Problem)]
    text = (repository / "docs/page.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert len({one.code for one in kinds}) == len(kinds) >= 13
    assert [one.code for one in kinds if f"`{one.code}`" not in rows[str(one.status)]] == []


def test_members_and_media_type() -> None:
    token = REQUEST_ID.set("order-7")
    response = problem_response(problems.BUSY, "try again", {"Retry-After": "10"})
    REQUEST_ID.reset(token)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert bytes(response.body).decode() == (
        '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"try again",'
        '"code":"queue_full","request_id":"order-7"}'
    )
