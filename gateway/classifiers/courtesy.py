"""Whether a text is nothing but small talk: a greeting, thanks, or a yes or no."""

from collections.abc import Sequence

from gateway.classifiers.vocabulary import TOKEN, Languages, entries_of, is_unspaced

_LONGEST_TOKENS = 12
_LONGEST_CHARS = 80


class _Words:
    """Words, and the marks of languages that write no spaces, the longest first."""

    def __init__(self, entries: frozenset[str]) -> None:
        self.words = frozenset(entry for entry in entries if not is_unspaced(entry))
        self.marks = tuple(sorted((entry for entry in entries if is_unspaced(entry)), key=len, reverse=True))


class Courtesy:
    """Small talk in several languages."""

    def __init__(self, core: Languages, go_ahead: Languages, filler: Languages) -> None:
        """
        core      words that alone make small talk
        go_ahead  words that do so only where there is nothing they could set going
        filler    words that may stand beside them
        """
        greetings, answers, fillers = entries_of(core), entries_of(go_ahead), entries_of(filler)
        self._core = {False: _Words(greetings), True: _Words(greetings | answers)}
        self._known = {False: _Words(greetings | fillers), True: _Words(greetings | answers | fillers)}

    def covers(self, text: str, tokens: Sequence[str], *, is_opening: bool) -> bool:
        """Whether small talk is all there is.

        is_opening  nothing was said before; later, "yes" may set great work going
        """
        if not 0 < len(tokens) <= _LONGEST_TOKENS or len(text) > _LONGEST_CHARS:
            return False
        core, known = self._core[is_opening], self._known[is_opening]
        if not is_unspaced(text):
            return known.words.issuperset(tokens) and not core.words.isdisjoint(tokens)
        if not any(mark in text for mark in core.marks):
            return False
        for mark in known.marks:
            text = text.replace(mark, " ")
        return known.words.issuperset(TOKEN.findall(text))
