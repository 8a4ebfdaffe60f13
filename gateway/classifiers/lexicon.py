"""The words, in several languages, that show what a request asks for and what it is about."""

import json
from collections.abc import Mapping
from importlib.resources import files

from msgspec import Struct

from gateway.classifiers.courtesy import Courtesy
from gateway.classifiers.vocabulary import Languages, Vocabulary


class Lexicon(Struct, frozen=True, kw_only=True):
    """All vocabularies, by where in a text their words count.

    opening      its first words: what kind of question it is
    instruction  its two ends: what is asked for
    subject      all of it: what it is about
    """

    opening: Vocabulary
    instruction: Vocabulary
    subject: Vocabulary
    courtesy: Courtesy


def load_lexicon() -> Lexicon:
    """The lexicon shipped with the package."""
    text = files(__package__).joinpath("lexicon.json").read_text("utf-8")
    sections: dict[str, Mapping[str, Languages]] = json.loads(text)
    courtesy = sections["courtesy"]
    return Lexicon(
        opening=Vocabulary(sections["opening"]),
        instruction=Vocabulary(sections["instruction"]),
        subject=Vocabulary(sections["subject"]),
        courtesy=Courtesy(courtesy["core"], courtesy["go ahead"], courtesy["filler"]),
    )
