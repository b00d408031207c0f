"""The demonstration, as anyone starts it: what it prints can be used at once."""

import httpx

from voting import verify


def test_a_demonstration_has_a_decided_and_an_open_contest(demo):
    """The one line of JSON names both with their pages, and eight codes for the open one; shapes as documented."""
    by_phase = {contest["phase"]: contest for contest in demo.contests}

    assert set(by_phase) == {"open", "counted"}
    assert all(set(contest) == {"id", "title", "phase", "kind", "url", "codes"} for contest in demo.contests)
    assert len(demo.codes) == len(set(demo.codes)) >= 8
    assert by_phase["counted"]["codes"] == []
    for contest in demo.contests:
        page = httpx.get(contest["url"], headers={"accept": "text/html"}, timeout=30)
        assert page.status_code == 200
        assert contest["title"] in page.text


def test_its_decided_contest_verifies(demo):
    """The bundle that the demonstration publishes passes the audit."""
    decided = next(contest for contest in demo.contests if contest["phase"] == "counted")

    answer = httpx.get(f"{demo.base_url}/api/v1/contests/{decided['id']}/bundle", timeout=60)

    assert verify.verify_bundle(answer.content).result == "passed"
