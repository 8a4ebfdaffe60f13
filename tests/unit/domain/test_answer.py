from gateway.domain.answer import EVERY_CHECK, Checks


def test_no_check_is_wanted_that_is_not_named() -> None:
    checks = Checks()

    assert not any(getattr(checks, name) for name in checks.__struct_fields__)


def test_every_check_is_every_check() -> None:
    assert all(getattr(EVERY_CHECK, name) for name in Checks.__struct_fields__)
