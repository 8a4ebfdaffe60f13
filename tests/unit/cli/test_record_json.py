from gateway.cli.record_json import feedback_fields, moment, record_fields
from gateway.domain.feedback import Feedback
from tests.builders import a_record


def test_times_are_iso_and_a_saving_stands_by_itself() -> None:
    fields = record_fields(a_record())

    assert (fields["received_at"], fields["saving_nano_usd"]) == ("2026-09-21T14:13:20+00:00", 310_200)


def test_feedback_is_told_without_its_request() -> None:
    said = Feedback(request_id="req-1", score=0.5, label="good", given_at=1_790_000_000.0)

    assert feedback_fields(None) is None
    assert feedback_fields(said) == {"score": 0.5, "label": "good", "comment": None, "given_at": moment(1_790_000_000)}
