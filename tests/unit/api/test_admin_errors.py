import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from gateway.api.admin_errors import handle_errors
from gateway.domain.acts import ActsUnavailableError
from gateway.domain.key_acts import KeyStateError, NoSuchKeyError
from gateway.domain.key_names import KeyTermsError
from tests.admin import ask


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    deep: dict[str, int] = {}


def _failing(error: Exception | None = None) -> FastAPI:
    app = FastAPI()
    handle_errors(app)

    @app.post("/act")
    def act(sent: Sent) -> None:
        if error is not None:
            raise error

    return app


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoSuchKeyError("no key 'k'"), 404),
        (KeyStateError("it is revoked"), 409),
        (ActsUnavailableError("it is down"), 503),
    ],
)
def test_what_goes_wrong_is_told_with_its_status(error: Exception, status: int) -> None:
    reply = ask(_failing(error), "POST", "/act", {})

    assert (reply.status, reply.json()) == (status, {"detail": str(error)})


def test_terms_that_cannot_be_are_told_with_their_field() -> None:
    reply = ask(_failing(KeyTermsError("team 'a/b' has a '/'", field="team")), "POST", "/act", {})

    assert reply.status == 422
    assert reply.json() == {"detail": {"problems": [{"path": "team", "message": "team 'a/b' has a '/'"}]}}


def test_a_body_of_the_wrong_form_is_told_with_every_place_and_without_what_was_sent() -> None:
    reply = ask(_failing(), "POST", "/act", {"deep": {"one": "a-secret", "two": "a-secret"}, "other": "a-secret"})

    assert reply.status == 422
    assert [each["path"] for each in reply.json()["detail"]["problems"]] == ["deep.one", "deep.two", "other"]
    assert b"a-secret" not in reply.body


@pytest.mark.parametrize("body", [b'{"\\ud800": 1}', b'{"deep": {"\\ud800": "x"}}', b"{", b'"\\ud800"', b"\xff", b"[]"])
def test_whatever_is_sent_the_answer_can_be_written(body: bytes) -> None:
    reply = ask(_failing(), "POST", "/act", body)

    assert reply.status in (400, 422)
    assert reply.json()["detail"]
