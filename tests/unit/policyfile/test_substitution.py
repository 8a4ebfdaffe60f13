import pytest

from gateway.policyfile.substitution import url_fault


@pytest.mark.parametrize("url", ["http://h", "https://h:8443/v1", "https://h/openai?api-version=2024-10-21"])
def test_what_can_be_called_is_without_fault(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("h/v1", "is not an http:// or https:// URL"),
        ("ftp://h", "is not an http:// or https:// URL"),
        ("http://h:0", "is not an http:// or https:// URL"),
        ("http://[::1/v1", "is not an http:// or https:// URL"),
        ("http://h/a b", "is not an http:// or https:// URL"),
        ("http://me:pw@h", "holds credentials; use api_key"),
        ("http://h/#x", "holds a fragment"),
    ],
)
def test_what_cannot_be_called_says_why(url: str, fault: str) -> None:
    assert (url_fault(url) or "").startswith(fault)
