import pytest

from gateway.domain.acts import ROLES, Role, is_enough


@pytest.mark.parametrize("least", ROLES)
def test_each_role_may_what_the_ones_before_it_may(least: Role) -> None:
    assert [role for role in ROLES if is_enough(role, least)] == list(ROLES[ROLES.index(least) :])


def test_the_roles_go_from_reading_to_giving_access() -> None:
    assert ROLES == ("viewer", "operator", "admin")
