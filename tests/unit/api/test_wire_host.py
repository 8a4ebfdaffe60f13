import pytest

from gateway.api.wire_host import Hosts, is_same_origin, target_fault

LISTED = Hosts(["api.example.test", "*.models.test", "[2001:DB8::1]"])


@pytest.mark.parametrize(
    "host",
    [
        b"api.example.test",
        b"API.Example.test:8080",
        b"api.example.test.",
        b"eu.models.test",
        b"a.b.models.test:1",
        b"[2001:db8::1]:443",
    ],
)
def test_a_plane_answers_to_its_names_in_any_spelling_and_on_any_port(host: bytes) -> None:
    assert LISTED.fault_of(host) is None


@pytest.mark.parametrize(
    "host", [b"example.test", b"models.test", b"evil-models.test", b"api.example.test.evil", b"[::1]"]
)
def test_to_no_other(host: bytes) -> None:
    fault = LISTED.fault_of(host)

    assert fault is not None
    assert host.decode().partition(":")[0] in fault.message


@pytest.mark.parametrize("host", [b"a", b"10.1.2.3:80", b"[::ffff:1.2.3.4]"])
def test_without_a_list_any_name_will_do(host: bytes) -> None:
    assert Hosts().fault_of(host) is None


@pytest.mark.parametrize("host", [b"a:65536", b"[::::]", b"[1]", b".", b"a/b", b"u@a", b"a" * 400])
def test_what_is_no_host_is_one_nowhere(host: bytes) -> None:
    assert Hosts().fault_of(host) is not None
    assert LISTED.fault_of(host) is not None


@pytest.mark.parametrize(
    "target", [b"/", b"//admin", b"/a?b=c", b"*", b"http://a.test/x", b"HTTPS://A.test:1", b"http://a.test?x"]
)
def test_a_target_is_a_path_or_a_url_of_the_same_host(target: bytes) -> None:
    host = b"a.test:1" if target.endswith(b":1") else b"a.test"

    assert target_fault(target, host) is None


@pytest.mark.parametrize(
    "target",
    [
        b"/a#b",
        b"http://b.test/",
        b"http://a.test:80/",
        b"http://u@a.test/",
        b"http://a.test/#@x",
        b"http:///a",
        b"ftp://a.test/",
        b"a.test:443",
        b"admin",
        b"",
        b"http://a.test\\@b.test/",
    ],
)
def test_a_target_that_names_another_host_or_none_is_refused(target: bytes) -> None:
    assert target_fault(target, b"a.test") is not None


def test_a_page_is_of_the_plane_when_its_host_and_port_are() -> None:
    assert is_same_origin(b"http://a.test:1", b"A.test:1")
    assert not is_same_origin(b"http://a.test:2", b"a.test:1")
    assert not is_same_origin(b"http://a.test", None)
    assert not is_same_origin(b"null", b"null")
