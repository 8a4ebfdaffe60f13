import pytest

from gateway.domain.rollout import ON, Rollout


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_a_policy_in_force_takes_every_session_and_a_shadow_none(draw: float) -> None:
    assert ON.takes(draw)
    assert not Rollout(mode="shadow").takes(draw)


def test_a_canary_takes_its_share_and_always_the_same_sessions() -> None:
    canary = Rollout(mode="canary", share=0.1)

    assert [canary.takes(draw) for draw in (0.0, 0.0999, 0.1, 0.9)] == [True, True, False, False]


def test_a_canary_that_grows_keeps_the_sessions_it_had() -> None:
    draws = [number / 1_000 for number in range(1_000)]

    before = {draw for draw in draws if Rollout(mode="canary", share=0.1).takes(draw)}
    after = {draw for draw in draws if Rollout(mode="canary", share=0.3).takes(draw)}

    assert before < after
