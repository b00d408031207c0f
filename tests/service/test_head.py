"""HEAD: the same head as GET, and no body."""

from http.client import HTTPConnection
from urllib.parse import urlsplit


def ask(base_url, method, path):
    """Return status, headers and body of one request."""
    conn = HTTPConnection(urlsplit(base_url).netloc, timeout=20)
    conn.request(method, path)
    answer = conn.getresponse()
    body = answer.read()
    conn.close()
    return answer.status, dict(answer.getheaders()), body


def test_head_is_get_without_a_body(service):
    """Link checkers and mail scanners get the head they ask for; an address that takes POST only stays closed."""
    for path in ("/", "/api/v1/contests", "/health/live"):
        status, headers, body = ask(service.base_url, "HEAD", path)
        again, wanted, whole = ask(service.base_url, "GET", path)

        assert (status, body) == (again, b"")
        assert whole
        assert headers.get("content-type") == wanted.get("content-type")
    assert ask(service.base_url, "HEAD", "/api/v1/contests/none/ballots")[0] == 405
