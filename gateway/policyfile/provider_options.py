"""Compiles `provider_options` against the vocabulary of the deployment's provider."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from gateway.domain.policy import OptionValue
from gateway.domain.provider_options import OPTIONS, SELF_HOSTED, Option, Vocabulary
from gateway.policyfile.items import Item
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problems, did_you_mean
from gateway.policyfile.schema import RawDeployment
from gateway.policyfile.substitution import Substitution

_KEY: Final = "provider_options"
_NOTHING: Final = Vocabulary(options={})
_AT_HOME: Final = Vocabulary(options={}, needs=((("api_base",),),))


class ProviderOptionsCompiler:
    def __init__(self, substitution: Substitution, problems: Problems) -> None:
        self._substitution = substitution
        self._problems = problems

    def compile(self, item: Item[RawDeployment], raw: RawDeployment) -> Mapping[str, OptionValue]:
        """The options by name, read-only; what is wrong with them is added to the problems."""
        vocabulary = OPTIONS.get(raw.provider, _AT_HOME if raw.provider in SELF_HOSTED else _NOTHING)
        self._check_needs(item, raw, vocabulary)
        compiled: dict[str, OptionValue] = {}
        for name, value in raw.provider_options.items():
            option = vocabulary.options.get(name)
            if option is None:
                self._unknown(item, raw.provider, name, vocabulary)
            elif (read := self._value(item, item.at(_KEY, name), option, value)) is not None:
                compiled[name] = read
        return MappingProxyType(compiled)

    def _value(self, item: Item[RawDeployment], node: Node, option: Option, value: str | bool) -> OptionValue | None:
        if isinstance(value, bool) != (option.form == "flag"):
            message = "must be true or false" if option.form == "flag" else "must be text"
            self._problems.add(node.place, item.path(node.loc), message)
            return None
        if isinstance(value, bool):
            return value
        if option.form == "secret":
            return self._substitution.secret(item, node, value)
        if option.form == "url":
            return self._substitution.url(item, node, value)
        return self._substitution.text(item, node, value)

    def _unknown(self, item: Item[RawDeployment], provider: str, name: str, vocabulary: Vocabulary) -> None:
        holder = item.at(_KEY)
        known = list(vocabulary.options)
        listed = f"known are {', '.join(known)}" if known else f"provider {provider!r} takes none"
        suggestion = did_you_mean(name, known) or listed
        self._problems.add(holder.keys[name], item.path(holder.loc), f"unknown key {name!r}", suggestion)

    def _check_needs(self, item: Item[RawDeployment], raw: RawDeployment, vocabulary: Vocabulary) -> None:
        missing = vocabulary.missing(tuple(_given(raw)))
        for group in missing:
            message = f"provider {raw.provider!r} needs {group}"
            self._problems.add(item.node.place, item.path(), message, _where(group, vocabulary))


def _given(raw: RawDeployment) -> Iterator[str]:
    """The names of what the file gives; a flag that is false is not given."""
    yield from (name for name, value in raw.provider_options.items() if value is not False)
    if raw.api_key is not None:
        yield "api_key"
    if raw.api_base is not None:
        yield "api_base"


def _where(group: str, vocabulary: Vocabulary) -> str | None:
    return f"write them under {_KEY!r}" if any(name in group for name in vocabulary.options) else None
