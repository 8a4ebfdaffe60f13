"""What conditions mention beside each variable."""

from collections.abc import Sequence

from gateway.policyfile.expressions import comparisons, is_plain, keys, literals, variables


class Mentions:
    """Of some conditions, what each mentions."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = sources
        self.names: frozenset[str] = frozenset().union(*map(variables, sources))

    def has(self, name: str) -> bool:
        return name in self.names

    def texts(self, name: str) -> list[str]:
        return sorted(value for value in self._literals(name) if isinstance(value, str))

    def numbers(self, name: str) -> list[float]:
        return sorted(value for value in self._literals(name) if not isinstance(value, str))

    def keys(self, name: str) -> list[str]:
        """Those a map is asked for."""
        plain = (key for key in self._literals(name, only_plain=True) if isinstance(key, str))
        return sorted({*plain, *(key for source in self._sources for key in keys(source, name))})

    def is_plainly(self, name: str) -> bool:
        """Whether it is only ever compared with literals."""
        return all(is_plain(source) for source in self._sources if name in variables(source))

    def _literals(self, name: str, *, only_plain: bool = False) -> set[str | float]:
        """What stands beside the variable; all there is where a condition does more than compare."""
        found: set[str | float] = set()
        for source in self._sources:
            if name not in variables(source):
                continue
            if is_plain(source):
                found.update(each.literal for each in comparisons(source) if each.variable == name)
            elif not only_plain:
                found.update(literals(source))
        return found
