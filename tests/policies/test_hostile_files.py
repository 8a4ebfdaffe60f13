"""Files that are meant to harm: each is refused in words, soon, and the policy in force goes on."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.domain.decision import decide
from gateway.policyfile.loader import FilePolicySource
from gateway.policyfile.problems import PolicyError
from gateway.policyfile.schema import NESTED, SECTIONS, keys_of
from gateway.policyfile.source import LONGEST_FILE_BYTES, MOST_FILES
from tests.builders import a_request, some_facts
from tests.cpu_time import cpu_s
from tests.unit.policyfile.folder import GOOD, load, trial, unknown_prices, write

MODELS = {*SECTIONS.values(), *NESTED.values()}
SOON_S = 5.0
"""Of CPU time. What takes for ever takes longer."""
LONG_NAME = "x" * 200_000
OWN_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def a_condition(condition: str) -> str:
    return GOOD.replace("classification.small_ok >= quality.threshold", condition)


def a_nest(depth: int) -> str:
    """Ten to the power of `depth` steps."""
    nest = "true"
    for name in "abcdefghi"[:depth]:
        nest = f"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].all({name}, {nest})"
    return a_condition(f"'{nest}'")


def refused(source: FilePolicySource) -> str:
    """What the reload complains of; it must be soon, and the policy in force must go on serving."""
    before = source.current()
    complaints = []

    def reload() -> None:
        with pytest.raises(PolicyError) as caught:
            source.reload()
        complaints.append(str(caught.value))

    assert cpu_s(reload, best_of=1) < SOON_S  # once: what was refused is remembered, and refused again at no cost
    assert source.current() is before
    assert decide(before.serving("auto"), some_facts(a_request())).plan
    status = source.status()
    assert status.refused is not None
    return complaints[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "policies"
    directory.mkdir()
    return write(directory, good=GOOD)


@pytest.fixture
def source(folder: Path) -> FilePolicySource:
    return FilePolicySource(folder, unknown_prices, {}, trial())


LAUGHS = "a: &a [x]\n" + "\n".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = {
    "a billion laughs": (LAUGHS, "aliases are not supported"),
    "a merge bomb": ("a: &a {x: 1}\n" + "b: {<<: *a}\n" * 1_000, "aliases are not supported"),
    "an alias of itself": ("a: &a [*a]", "aliases are not supported"),
    "more aliases than anybody reads of": (f"[{'*a,' * 100_000}1]", "aliases are not supported"),
    "half a million values": (f"[{'a,' * 500_000}a]", "more than 50000 values"),
    "sequences in sequences": ("[" * 500_000, "nested deeper than 32"),
    "mappings in mappings": ("{" * 500_000, "nested deeper than 32"),
    "blocks in blocks": ("- " * 500_000, "nested deeper than 32"),
    "keys in keys": ("? " * 500_000, "nested deeper than 32"),
    "a tag that makes objects": ("!!python/object/apply:os.system [ls]", "tags are not supported"),
    "a second document": (f"{GOOD}\n---\n{GOOD}", "a second document"),
    "a control character": ("a: \x07", "a control character"),
    "a key of 200 kB": (f"? {LONG_NAME}\n: 1", "unknown key"),
    "a number of a million digits": (f"deployments: [{{name: {'9' * 1_000_000}}}]", "must be text"),
    "a name twice": (GOOD, "already taken"),
    "loops in loops": (a_nest(9), "loops are nested deeper than 3"),
    "long loops in long loops": (
        a_condition("'X.all(a, X.all(b, X.all(c, true)))'".replace("X", f"[{'1, ' * 30}1]")),
        "Iteration budget exceeded",
    ),
    "a list that doubles": (
        a_condition(f"'[[1]]{'.map(a, a + a)' * 30}.exists(a, true)'"),
        "conditions have no use for map",
    ),
    "a list that doubles behind a guard": (
        a_condition(f"'signals.messages == 7 && [[1]]{'.map(a, a + a)' * 30}.exists(a, true)'"),
        "conditions have no use for map",
    ),
    "a text that grows a thousandfold in each loop": (
        a_condition(f"'signals.messages == 7 && [key.team].exists(a, [{'a + ' * 900}a].exists(b, size(b) > 0))'"),
        "more than 20 '+'",
    ),
    "a condition written in escapes": (
        a_condition(f'"{chr(92)}x41{f"{chr(92)}x41" * 3_989}"'),
        "unknown name",
    ),
    "a condition written in 860 KB": (
        a_condition('"A' + f"{chr(92)}\n        " * 86_000 + 'B"'),
        "unknown name 'AB'",
    ),
    "thousands of names, and hundreds that are nearly one": (
        "\n".join(
            [
                "deployments:",
                *(f"  - {{name: known-deployment-{n}, tier: small, provider: openai, model: x}}" for n in range(6_000)),
                "routes:",
                *(f"  - {{name: route-{n}, try: [knwon-deploiment-{n}]}}" for n in range(300)),
            ]
        ),
        "did you mean 'known-deployment-0'?",
    ),
    "brackets in brackets": (a_condition(f"'{'(' * 1_900}true{')' * 1_900}'"), "recursion limit"),
    "a longer condition than anybody reads": (a_condition(f"'{' || '.join(['true'] * 1_000)}'"), "at most 4000"),
    "a repetition of repetitions": (
        a_condition("""'request.alias.matches("((((a{1000}){1000}){1000}){1000})")'"""),
        "invalid regular expression",
    ),
    "a pattern that is none": (a_condition("""'request.alias.matches("(")'"""), "invalid regular expression"),
    "thousands of unknown names": (
        "\n".join(["routes:", *(f"  - {{name: route-{number}, try: [nobody-{number}]}}" for number in range(5_000))]),
        "unknown deployment 'nobody-0'",
    ),
    "thousands of unknown keys": (
        "deployments: [{" + ", ".join(f"key-{number}: 1" for number in range(20_000)) + "}]",
        "unknown key 'key-0'",
    ),
}


@pytest.mark.parametrize(("text", "said"), TEXTS.values(), ids=TEXTS)
def test_a_hostile_text_is_refused_by_its_file_and_the_policy_in_force_goes_on(
    source: FilePolicySource, folder: Path, text: str, said: str
) -> None:
    (folder / "hostile.yaml").write_text(text, encoding="utf-8")

    complaint = refused(source)

    assert said in complaint
    assert f"{folder}/hostile.yaml" in complaint


@pytest.mark.parametrize("name", ["more aliases than anybody reads of", "half a million values", "blocks in blocks"])
def test_hostile_cases_are_refused_as_hostile_policies_are(source: FilePolicySource, folder: Path, name: str) -> None:
    text, said = TEXTS[name]
    (folder / "hostile.cases.yaml").write_text(text, encoding="utf-8")

    assert said in refused(source)


def a_sparse_file(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)


def a_long_file(path: Path) -> None:
    with path.open("wb") as stream:
        for _ in range(100):
            stream.write(b"#" * 1024 * 1024)


def a_secret(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0)


SHAPES: dict[str, tuple[Callable[[Path], object], str]] = {
    "100 MB of nothing": (a_sparse_file, f"longer than {LONGEST_FILE_BYTES} bytes"),
    "100 MB": (a_long_file, f"longer than {LONGEST_FILE_BYTES} bytes"),
    "a directory": (lambda path: path.mkdir(), "not a regular file"),
    "a link to a directory": (lambda path: path.symlink_to("/"), "not a regular file"),
    "a link to a device without an end": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "no such file or directory"),
    "a link to itself": (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a link to a name that is too long": (lambda path: path.symlink_to("y" * 300), "file name too long"),
    "Latin-1": (lambda path: path.write_bytes(b"a: \xe9"), "not UTF-8"),
    "UTF-16": (lambda path: path.write_bytes("a: 1".encode("utf-16")), "not UTF-8"),
    "bytes": (lambda path: path.write_bytes(bytes(range(256))), "not UTF-8"),
}


@pytest.mark.parametrize(("make", "said"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ["hostile.yaml", "hostile.cases.yaml"])
def test_what_is_no_text_file_is_refused_by_its_name_and_the_policy_in_force_goes_on(
    source: FilePolicySource, folder: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    make(folder / name)

    complaint = refused(source)

    assert complaint.startswith(f"{folder}/{name}:")
    assert said in complaint


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_refused(source: FilePolicySource, folder: Path) -> None:
    a_secret(folder / "hostile.yaml")

    assert f"{folder}/hostile.yaml: cannot read it: permission denied" in refused(source)


def test_ten_thousand_tiny_files_are_refused_unread(source: FilePolicySource, folder: Path) -> None:
    for number in range(10_000):
        (folder / f"tiny-{number}.yaml").touch()

    assert f"{folder}: 10001 files, more than {MOST_FILES}" in refused(source)


def test_a_file_that_becomes_a_pipe_after_it_was_looked_at_is_not_waited_for(
    source: FilePolicySource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "hostile.yaml")
    looked_at = Path.stat

    def as_it_was(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        name = "good.yaml" if path.name == "hostile.yaml" else path.name
        return looked_at(path.with_name(name), follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", as_it_was)

    assert refused(source) == f"{folder}/hostile.yaml: not a regular file"


def test_a_file_that_vanishes_after_it_was_listed_is_refused(
    source: FilePolicySource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, other="tiers: [small, large]")
    listed = Path.iterdir

    def and_gone(path: Path) -> Any:
        found = list(listed(path))
        (folder / "other.yaml").unlink(missing_ok=True)
        return iter([*found, *({folder / "other.yaml"} - set(found))])

    monkeypatch.setattr(Path, "iterdir", and_gone)

    assert f"{folder}/other.yaml: cannot read it: no such file or directory" in refused(source)


def test_a_file_that_grows_while_it_is_read_is_refused_until_it_stands_still(
    source: FilePolicySource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = source.stamp

    def growing() -> object:
        with (folder / "good.yaml").open("a") as stream:
            stream.write("# one line more\n")
        return stamp()

    with monkeypatch.context() as grows:
        grows.setattr(source, "stamp", growing)
        complaint = refused(source)

    assert complaint.startswith(f"{folder}: the files change while they are read")
    assert source.try_reload()
    assert source.status().refused is None


def test_what_a_link_leads_to_may_be_swapped_at_any_time_and_no_two_states_are_mixed(tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap, without a pause; each state is of one alias and one route."""
    for name in ("a", "b"):
        state = tmp_path / name
        state.mkdir()
        parts = GOOD.replace("[auto]", f"[auto, {name}]").replace("large-only", f"large-{name}")
        head, mark, tail = parts.partition("routes:")
        write(state, deployments=head, rest=mark + tail)
    folder, stop = tmp_path / "policies", threading.Event()
    folder.mkdir()
    (folder / "..data").symlink_to(tmp_path / "a")
    for file in ("deployments.yaml", "rest.yaml"):
        (folder / file).symlink_to(f"..data/{file}")
    source = FilePolicySource(folder, unknown_prices, {}, trial())

    def swap() -> None:
        while not stop.is_set():
            for name in ("b", "a"):
                (folder / "..next").symlink_to(tmp_path / name)
                (folder / "..next").rename(folder / "..data")

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    try:
        for _ in range(100):
            source.try_reload()
            current = source.current()
            seen.add((tuple(sorted(current.by_alias)), current.serving("auto").default.name))
    finally:
        stop.set()
        thread.join()

    assert seen <= {(("a", "auto"), "large-a"), (("auto", "b"), "large-b")}
    assert source.try_reload()


def test_a_directory_that_is_deleted_and_made_anew_is_taken_up_again(source: FilePolicySource, folder: Path) -> None:
    (folder / "good.yaml").unlink()
    folder.rmdir()

    complaint = refused(source)
    folder.mkdir()
    write(folder, better=GOOD.replace("[auto]", "[auto, better]"))
    is_taken_up = source.try_reload()

    assert complaint == f"{folder}: cannot read the policy directory: no such file or directory"
    assert is_taken_up
    assert "better" in source.current().by_alias


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a|aa)+$", "([a-z]+)*b$", "(.*a){20}$", "^(a?){30}a{30}$"])
def test_a_pattern_takes_time_in_proportion_to_the_text(tmp_path: Path, pattern: str) -> None:
    condition = f"""'request.metadata.exists(name, request.metadata[name].matches("{pattern}"))'"""
    policy = load(tmp_path, p=a_condition(condition)).serving("auto")
    facts = some_facts(a_request(payload={"metadata": {"note": "a" * 100_000 + "!"}}))

    assert cpu_s(lambda: decide(policy, facts)) < SOON_S
    assert decide(policy, facts).rule in ("default", "easy goes small")


def test_loops_over_what_a_client_sent_end_and_a_rule_that_cannot_be_told_does_not_match(tmp_path: Path) -> None:
    nest = "request.metadata.all(a, request.metadata.all(b, request.metadata.all(c, a + b + c != '')))"
    policy = load(tmp_path, p=a_condition(f'"{nest}"')).serving("auto")
    metadata = {f"name-{number}": "x" for number in range(200)}

    decision = decide(policy, some_facts(a_request(payload={"metadata": metadata})))

    assert decision.rule == "default"


def outcome_of(directory: Path, content: bytes) -> str:
    """Loaded or refused, soon; anything else is an error."""
    (directory / "p.yaml").write_bytes(content)
    complaints = []

    def load_anew() -> None:
        try:
            FilePolicySource(directory, unknown_prices, {}, trial())
        except PolicyError as error:
            complaints.append(str(error))

    assert cpu_s(load_anew, best_of=1) < SOON_S
    assert all(complaint.encode().decode() == complaint for complaint in complaints)  # they can be printed
    return "refused" if complaints else "loaded"


@OWN_FILE
@given(content=st.binary(max_size=400))
@example(content=b"\xef\xbb\xbf")
@example(content=b"\x00")
def test_any_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    assert outcome_of(tmp_path, content) == "refused"


KEYS = st.sampled_from(sorted({*SECTIONS, *NESTED, *(key for model in MODELS for key in keys_of(model))}))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["small-a", "large-only", "auto", "sticky", "refuse", "shadow", "10%", "${X}", "true", "UTC"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@OWN_FILE
@given(tree=st.dictionaries(KEYS, TREES, max_size=4))
def test_any_tree_of_the_languages_words_is_loaded_or_refused(tmp_path: Path, tree: dict[str, Any]) -> None:
    assert outcome_of(tmp_path, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace")) == "refused"


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value, inner ones too."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(each for key, child in items for each in leaves(child, (*path, key)))]


@OWN_FILE
@given(data=st.data())
def test_a_good_file_with_any_value_replaced_is_loaded_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    tree = yaml.safe_load(GOOD)
    *above, last = data.draw(st.sampled_from(leaves(tree)[1:]))
    holder = tree
    for key in above:
        holder = holder[key]
    holder[last] = data.draw(TREES)

    content = yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace")

    assert outcome_of(tmp_path, content) in ("loaded", "refused")


@OWN_FILE
@given(start=st.integers(0, len(GOOD)), cut=st.integers(0, 60), put=st.binary(max_size=20))
def test_a_good_file_with_any_bytes_replaced_is_loaded_or_refused(
    tmp_path: Path, start: int, cut: int, put: bytes
) -> None:
    good = GOOD.encode()

    assert outcome_of(tmp_path, good[:start] + put + good[start + cut :]) in ("loaded", "refused")


@OWN_FILE
@given(condition=st.text(st.sampled_from("()[]{}!&|<>=+-*/%?:.,\"'0123456789 abcxyz\n"), max_size=60))
def test_any_condition_is_compiled_or_refused(tmp_path: Path, condition: str) -> None:
    quoted = condition.replace("'", "''").replace("\n", " ")

    assert outcome_of(tmp_path, a_condition(f"'{quoted}'").encode()) in ("loaded", "refused")


@OWN_FILE
@given(tree=TREES)
def test_any_file_of_cases_is_run_or_refused(tmp_path: Path, tree: Any) -> None:
    cases = yaml.safe_dump({"cases": [tree, {"name": "x", "ask": "hello", "expect": tree}]}, allow_unicode=True)
    (tmp_path / "p.cases.yaml").write_bytes(cases.encode("utf-8", "replace"))

    assert outcome_of(tmp_path, GOOD.encode()) == "refused"
