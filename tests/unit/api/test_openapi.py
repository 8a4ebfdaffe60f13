import json

from gateway.api.data_plane import _spellings
from gateway.api.openapi import DATA_PLANE_PATHS


def test_each_path_described_is_one_that_is_served() -> None:
    served = {*_spellings("/chat/completions"), *_spellings("/models"), *_spellings("/feedback")}

    assert set(DATA_PLANE_PATHS) <= served


def test_each_operation_has_a_name_of_its_own_and_its_answers() -> None:
    operations = [operation for methods in DATA_PLANE_PATHS.values() for operation in methods.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all({"200", "401"} <= set(operation["responses"]) for operation in operations)


def test_the_description_is_plain_json() -> None:
    assert json.loads(json.dumps(DATA_PLANE_PATHS)) == DATA_PLANE_PATHS
