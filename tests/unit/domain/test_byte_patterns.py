from gateway.domain.byte_patterns import LazyPattern, compiled, compiled_set


def test_the_first_match_is_the_longest_at_its_place() -> None:
    found = compiled("court", "court order").search(b"a court order, a court")

    assert found.span() == (2, 13)


def test_ascii_matches_in_either_case_and_other_characters_as_they_stand() -> None:
    pattern = compiled("clinic|(?-i:É)t")

    assert pattern.search(b"CLINIC")
    assert pattern.search("ÉT".encode())
    assert not pattern.search("ét".encode())


def test_a_set_tells_all_that_a_text_holds() -> None:
    assert sorted(compiled_set(r"\A", "a", "b", "c").Match(b"x b a")) == [0, 1, 2]


def test_a_lazy_pattern_is_made_once_and_only_when_it_is_searched_for() -> None:
    made = []

    def pattern() -> str:
        made.append("court")
        return made[-1]

    lazy = LazyPattern(pattern)
    assert made == []

    spans = [found.span() for start in (0, 1) if (found := lazy.search(b"court, court", start))]

    assert spans == [(0, 5), (7, 12)]
    assert made == ["court"]
