"""Holds a case or a question against its model and its policies: keys, values and names, each mistake at its place."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from gateway.policyfile.circumstances import NESTED, Named
from gateway.policyfile.items import message_of
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.schema import Raw, keys_of

RawT = TypeVar("RawT", bound=Raw)

_MOST_KNOWN: Final = 20
"""How many known names a problem lists."""


def validated(
    model: type[RawT], node: Node, path: str, problems: Problems, nested: Mapping[str, type[Raw]] = NESTED
) -> RawT | None:
    """The node as the model has it; None where there are problems more.

    path    what problems call the node
    nested  which model a key of the node holds, for what its own keys may be
    """
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            above = each["loc"][:-1]
            keys = keys_of(nested.get(str(above[-1]) if above else "", model))
            _report(node, each, keys, path, problems)
    return None


def _report(node: Node, error: Any, keys: list[str], path: str, problems: Problems) -> None:
    """`keys`: those that may stand where the error is."""
    *above, last = error["loc"] or ("",)
    holder, wrong = node.at(*above), node.at(*error["loc"])
    within = ", ".join([*([path] if path else []), *map(str, wrong.loc[len(node.loc) :])])
    if error["type"] == "extra_forbidden":
        suggestion = problems.did_you_mean(str(last), keys) or f"known are {', '.join(keys)}"
        problems.add(holder.keys[str(last)], path, f"unknown key {last!r}", suggestion)
    elif error["type"] == "missing":
        problems.add(wrong.place, within, f"{last!r} is missing")
    else:
        problems.add(wrong.place, within, *message_of(wrong, error))


def check_name(name: Named, node: Node, path: str, problems: Problems) -> None:
    """A misspelt name would never match anything, and say nothing of why.

    node  where the name's location starts, which problems call `path`
    """
    if name.name not in name.known:
        known = sorted(name.known)
        listed = f"known are {', '.join(known[:_MOST_KNOWN])}" if known else "there is none"
        suggestion = problems.did_you_mean(name.name, known) or listed
        problems.add(_place(name, node), path, f"unknown {name.noun} {name.name!r}", suggestion)


def _place(name: Named, node: Node) -> Place:
    if not name.is_key:
        return node.at(*name.loc).place
    holder = node.at(*name.loc[:-1])
    if isinstance(holder.content, list):
        return next((each.place for each in holder.content if each.content == name.name), holder.place)
    return holder.keys.get(name.name, holder.place)
