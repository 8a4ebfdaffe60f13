from gateway.domain.energy import energy_uwh
from gateway.domain.usage import Usage
from tests.builders import a_deployment

_USAGE = Usage(input_tokens=700, output_tokens=301)


def test_every_token_read_or_written_takes_what_the_deployment_declares_rounded_up() -> None:
    assert energy_uwh(_USAGE, a_deployment(energy_nwh=300_001)) == 300_302


def test_without_a_declaration_it_is_not_known_and_not_nothing() -> None:
    assert energy_uwh(_USAGE, a_deployment()) is None
    assert energy_uwh(_USAGE, a_deployment(energy_nwh=0)) == 0
