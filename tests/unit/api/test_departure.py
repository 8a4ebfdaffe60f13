from gateway.api.departure import Departure, departure_of
from tests.unit.api.asgi_client import leave, scope


def test_whoever_asked_is_told_once() -> None:
    told: list[str] = []
    departure = Departure()
    departure.tell(lambda: told.append("gone"))

    departure.happen()
    departure.happen()

    assert told == ["gone"]
    assert departure.has_happened


def test_whoever_asked_no_more_is_not_told() -> None:
    told: list[str] = []
    departure = Departure()
    departure.tell(lambda: told.append("gone"))
    departure.tell(None)

    departure.happen()

    assert (told, departure.has_happened) == ([], True)


def test_what_the_server_refused_stays_so_when_the_connection_ends() -> None:
    departure = Departure()

    departure.happen(was_refused=True)
    departure.happen()

    assert departure.was_refused


def test_it_is_found_in_the_scope() -> None:
    request = scope()

    leave(request)

    assert departure_of(request).has_happened


def test_where_the_server_tells_of_none_it_never_happens() -> None:
    assert not departure_of({"type": "http"}).has_happened
