"""The words, in several languages, that show what a request asks for and what it is about."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files

from msgspec import Struct

from gateway.classifiers.vocabulary import Languages, Vocabulary, initials_of


class Lexicon(Struct, frozen=True, kw_only=True):
    """All vocabularies, by where in a text their words count.

    opening      its first words: what kind of question it is
    instruction  its two ends: what is asked for
    subject      all of it: what it is about
    keys         the tokens that any of them looks up, so that a text is gone through once
    initials     finds the characters that any of them looks up
    """

    opening: Vocabulary
    instruction: Vocabulary
    subject: Vocabulary
    keys: frozenset[str]
    initials: re.Pattern[str]


def load_lexicon() -> Lexicon:
    """The lexicon shipped with the package."""
    text = files(__package__).joinpath("lexicon.json").read_text("utf-8")
    sections: dict[str, Mapping[str, Languages]] = json.loads(text)
    opening, instruction, subject = (Vocabulary(sections[name]) for name in ("opening", "instruction", "subject"))
    return Lexicon(
        opening=opening,
        instruction=instruction,
        subject=subject,
        keys=opening.keys | instruction.keys | subject.keys,
        initials=initials_of(opening.marks | instruction.marks | subject.marks),
    )
