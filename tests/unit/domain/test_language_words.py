from gateway.domain.language_words import CODE_WORDS, LETTERS, WORDS


def test_words_are_as_the_detector_compares_them() -> None:
    """Lower case, letters only, and longer than the name of a variable."""
    wrong = [
        (language, word)
        for language, words in WORDS.items()
        for word in words.split()
        if word != word.lower() or not word.isalpha() or len(word) < 2
    ]

    assert wrong == []


def test_no_word_is_listed_twice_for_a_language() -> None:
    twice = {
        language: sorted({word for word in words.split() if words.split().count(word) > 1})
        for language, words in WORDS.items()
    }

    assert not any(twice.values()), twice


def test_every_language_has_dozens_of_words() -> None:
    assert min(len(words.split()) for words in WORDS.values()) >= 40


def test_most_words_of_a_language_are_its_own() -> None:
    for language, words in WORDS.items():
        others = {word for other, text in WORDS.items() if other != language for word in text.split()}

        own = [word for word in words.split() if word not in others]

        assert len(own) >= len(words.split()) / 2, language


def test_a_letter_speaks_for_one_language() -> None:
    letters = "".join(LETTERS.values())

    assert len(letters) == len(set(letters))
    assert LETTERS.keys() <= WORDS.keys()
    assert not letters.isascii()


def test_words_that_code_uses_are_english_words() -> None:
    assert set(CODE_WORDS.split()) <= set(WORDS["en"].split())
