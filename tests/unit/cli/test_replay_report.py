from gateway.cli.replay_report import change_lines, replay_document, replay_lines, rollout_document, rollout_lines
from gateway.domain.change import Changes, Latency, Move, Mover, Quality
from gateway.domain.replay import ReplayOutcome, Rolled, RolloutOutcome
from tests.unit.domain.replays import some_changes


def _outcome(changes: Changes) -> ReplayOutcome:
    return ReplayOutcome(
        read=9,
        not_replayed={"ended early": 2},
        unrecorded=3,
        facts={"request.metadata": 3, "key.tags": 1},
        classifiers=("prior@1",),
        changes=changes,
    )


def test_what_is_unknown_is_said_to_be_never_zero() -> None:
    text = "\n".join(change_lines(some_changes(requests=7, cost_unknown=7), ()))

    assert "Cost: unknown for all 7" in text
    assert "Latency: unknown" in text
    assert "Quality: unknown" in text
    assert "$0" not in text


def test_costs_tell_over_how_many_requests_they_are() -> None:
    changes = some_changes(
        requests=10,
        cost_compared=8,
        cost_unknown=2,
        cost_before_nano_usd=4_000_000_000,
        cost_after_nano_usd=3_000_000_000,
    )

    assert "Cost: $4.00 → $3.00 (-1.00, -25.00%), over 8 requests; unknown for 2" in list(change_lines(changes, ()))


def test_quality_says_that_it_is_an_estimate_and_whose() -> None:
    changes = some_changes(quality=Quality(change=-0.004, low=-0.005, high=-0.003, compared=10))

    (line,) = [line for line in change_lines(changes, ("prior@1",)) if line.startswith("Quality")]

    assert line.startswith("Quality: -0.0040 (95 % interval -0.0050 to -0.0030), over 10 requests")
    assert line.endswith("by the classifier's own estimate (prior@1), not measured")


def test_latency_says_how_it_was_predicted() -> None:
    changes = some_changes(latency=Latency(p50_before_ms=200.0, p50_after_ms=150.0, compared=4))

    (line,) = [line for line in change_lines(changes, ()) if line.startswith("Latency")]

    assert line.startswith("Latency p50: 200.0 ms → 150.0 ms (-25.0%), over 4 requests")
    assert "its new deployment's median" in line


def test_what_was_left_out_and_what_was_not_recorded_is_said() -> None:
    lines = list(replay_lines(_outcome(some_changes(requests=7)), "policies (v2)"))

    assert lines[:3] == [
        "Replayed 7 of 9 requests under policies (v2)",
        "  left out, ended early: 2",
        "  decided on facts that were not recorded, taken as absent: 3 (key.tags 1, request.metadata 3)",
    ]


def _filled() -> Changes:
    """A move of each kind, and a mover of which nothing is known."""
    empty = some_changes(requests=3, moved=3)
    mover = Mover(
        id="req-\x1b[2J",
        team="",
        app="",
        before=None,
        after="small-a",
        rule_before="old",
        rule_after="new",
        cost_change_nano_usd=None,
        quality_change=None,
        small_ok=None,
    )
    return Changes(
        total=empty.total,
        unserved=1,
        moves=(
            Move(before="small-a", after=None, unserved=False, requests=1),
            Move(before="small-a", after=None, unserved=True, requests=1),
            Move(before=None, after="small-a", unserved=False, requests=1),
        ),
        by_rule=(),
        by_team=(),
        by_app=(),
        latency=None,
        quality=None,
        movers=(mover,),
    )


def test_a_refusal_is_told_from_an_alias_nobody_serves() -> None:
    moves = [line.split(maxsplit=1)[1] for line in change_lines(_filled(), ()) if line.startswith("small-a ")]

    assert [" ".join(move.split()[:-1]) for move in moves] == ["refused", "refused: no policy serves it"]


def test_a_mover_cannot_write_on_the_terminal_and_its_unknowns_are_dashes() -> None:
    last = list(change_lines(_filled(), ()))[-1]

    assert last.startswith("req-?[2J  refused  small-a  old ")
    assert last.split()[-3:] == ["-", "-", "-"]


def test_the_document_has_the_figures_a_gate_reads() -> None:
    document = replay_document(_outcome(some_changes(requests=4, moved=1)))

    assert (document["read"], document["replayed"], document["figures"]["moved_share"]) == (9, 4, 0.25)
    assert document["changes"]["total"]["cost_before_nano_usd"] is None


def test_each_version_that_was_rolled_out_is_told_by_itself() -> None:
    outcome = RolloutOutcome(
        read=9,
        not_compared={"decided by one policy alone": 5},
        classifiers=(),
        rolled=tuple(
            Rolled(policy="next", policy_version=version, mode="shadow", changes=some_changes(requests=2))
            for version in ("v1", "v2")
        ),
    )

    lines, document = list(rollout_lines(outcome)), rollout_document(outcome)

    assert lines[0] == "Decided by two policies: 4 of 9 requests"
    assert [line for line in lines if line.startswith("Policy")] == [
        f"Policy next@{version} as shadow, against the one in force" for version in ("v1", "v2")
    ]
    assert [entry["figures"]["requests"] for entry in document["rolled"]] == [2, 2]
