import pytest

from gateway.policyfile.compilation import Compiled, compile_files
from gateway.policyfile.problems import Place, PolicyError, Problems
from gateway.policyfile.source import SourceFile
from tests.unit.policyfile.folder import DEPLOYMENTS, GOOD, POLICIES, ROUTES, unknown_prices


def _compiled(*texts: str, problems: Problems | None = None) -> Compiled:
    files = [SourceFile(f"{number}.yaml", text) for number, text in enumerate(texts)]
    return compile_files(files, unknown_prices, {}, problems or Problems(), of="here")


def test_a_set_knows_how_many_files_it_was_made_of() -> None:
    compiled = _compiled(DEPLOYMENTS, ROUTES, POLICIES)

    assert compiled.files == 3
    assert set(compiled.policies.by_alias) == {"auto"}
    assert [item.name for item in compiled.items.policies] == ["default"]


def test_files_without_a_policy_are_no_set() -> None:
    with pytest.raises(PolicyError, match=r"^here: no policy in these files"):
        _compiled(DEPLOYMENTS, ROUTES)


def test_where_a_file_cannot_be_read_references_are_not_looked_at() -> None:
    with pytest.raises(PolicyError) as caught:
        _compiled("[", POLICIES, ROUTES.replace("try: [small-a]", "trie: [small-a]"))

    assert sorted({problem.file for problem in caught.value.problems}) == ["0.yaml", "2.yaml"]


def test_what_was_wrong_with_reading_the_files_is_told_with_the_rest() -> None:
    problems = Problems()
    problems.add(Place("gone.yaml"), "", "cannot read it")

    with pytest.raises(PolicyError, match=r"gone\.yaml: cannot read it"):
        _compiled(GOOD, problems=problems)
