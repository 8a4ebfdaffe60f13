"""From the nodes of the files to raw items: validated one by one, so that one mistake does not hide the others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from gateway.domain.policy import STICKY
from gateway.policyfile.nodes import Location, Node
from gateway.policyfile.problems import Place, Problems, did_you_mean
from gateway.policyfile.schema import NESTED, NOT_YET, SECTIONS, Raw, RawDeployment, RawPolicy, RawRoute, keys_of

RawT_co = TypeVar("RawT_co", bound=Raw, covariant=True)

TIERS = "tiers"
_NOUNS = {"deployments": "deployment", "routes": "route", "policies": "policy"}
_ELEMENTS = {"constraints": "constraint", "rules": "rule"}
_POLICY_STAND_INS: Mapping[str, Any] = {"name": "unnamed", "serves": ["unread"], "default": "unread"}
_ELEMENT_STAND_INS: Mapping[str, Mapping[str, Any]] = {
    "constraints": {"when": "true", "require": "true"},
    "rules": {"when": "true", "route": STICKY},
}
_MESSAGES = {
    "string_type": ("must be text", "put it in quotes"),
    "int_type": ("must be a whole number", None),
    "is_instance_of": ("must be a number", "write it without quotes"),
    "decimal_type": ("must be a number", "write it without quotes"),
    "list_type": ("must be a list", "write it as '[…]' or as lines that begin with '- '"),
    "dict_type": ("must be a mapping of keys to values", None),
    "model_type": ("must be a mapping of keys to values", None),
    "too_short": ("must not be empty", None),
    "string_too_short": ("must not be empty", None),
}


@dataclass(frozen=True, slots=True)
class Item(Generic[RawT_co]):
    """One deployment, route or policy.

    raw     what of it is valid; None where too little is
    unread  of a policy: the keys that are missing or not valid, for which `raw` has stand-ins; there is a problem then
    """

    section: str
    name: str | None
    node: Node
    raw: RawT_co | None
    unread: frozenset[str] = frozenset()

    def at(self, *path: str | int) -> Node:
        return self.node.at(*path)

    def path(self, loc: Location = ()) -> str:
        """This item, or the part of it at `loc` in its file, in the words of the policy language."""
        noun = _NOUNS[self.section]
        parts = [f"{noun} {self.name!r}" if self.name else f"{noun} {int(self.node.loc[1]) + 1}"]
        parts.extend(_words(loc[len(self.node.loc) :]))
        return ", ".join(parts)

    def element(self, node: Node) -> str:
        """The constraint or rule the node is in."""
        return self.path(node.loc[: len(self.node.loc) + 2])


@dataclass(frozen=True, slots=True)
class Items:
    """All that the files define, in their order."""

    deployments: tuple[Item[RawDeployment], ...]
    routes: tuple[Item[RawRoute], ...]
    policies: tuple[Item[RawPolicy], ...]
    tiers: tuple[Node, ...] = ()
    """The names of the tiers as declared, the smallest first; none where no file declares them."""


def read_items(documents: Iterable[Node], problems: Problems) -> Items:
    """The items of all files. Names must be unique for each kind, whichever the file."""
    found: dict[str, list[Item[Any]]] = {section: [] for section in SECTIONS}
    tiers: tuple[Node, ...] = ()
    for document in documents:
        for section, node in _sections(document, problems):
            if section == TIERS:
                tiers = _tiers(node, tiers, problems)
            else:
                found[section].extend(_items(section, node, problems))
    for items in found.values():
        _check_unique(items, problems)
    return Items(tuple(found["deployments"]), tuple(found["routes"]), tuple(found["policies"]), tiers)


def _tiers(node: Node, declared: tuple[Node, ...], problems: Problems) -> tuple[Node, ...]:
    """The tiers a file declares, each once; only one file may."""
    if declared:
        problems.add(node.place, TIERS, "declared already", f"it is first in {declared[0].place.file}")
    tiers: dict[Any, Node] = {}
    for each in node.content if isinstance(node.content, list) else ():
        if not isinstance(each.content, str):
            problems.add(each.place, TIERS, "a tier is a name")
        elif each.content in tiers:
            problems.add(each.place, TIERS, f"the tier {each.content!r} is listed twice")
        else:
            tiers[each.content] = each
    return tuple(tiers.values())


def _sections(document: Node, problems: Problems) -> Iterator[tuple[str, Node]]:
    sections = [*SECTIONS, TIERS]
    if not isinstance(document.content, dict):
        known = ", ".join(repr(section) for section in sections)
        problems.add(document.place, "", f"a policy file is a mapping with any of {known}")
        return
    for key, node in document.content.items():
        if key not in sections:
            problems.add(document.keys[key], "", *_unknown_key(key, "", sections))
        elif isinstance(node.content, list):
            yield key, node
        else:
            problems.add(node.place, key, *_MESSAGES["list_type"])


def _items(section: str, node: Node, problems: Problems) -> Iterator[Item[Any]]:
    for element in node.content if isinstance(node.content, list) else ():
        name = element.child("name")
        text = name.content if name is not None and isinstance(name.content, str) else None
        yield _validated(Item(section, text, element, None), problems)


def _validated(item: Item[Any], problems: Problems) -> Item[Any]:
    """The item with its raw model; its invalid parts are reported and left out, if what remains is an item."""
    model = SECTIONS[item.section]
    plain = item.node.plain()
    whole = item
    while True:
        try:
            raw = model.model_validate(plain)
            return Item(item.section, item.name, item.node, raw, _unread(whole.node, item.node, raw))
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        if item is whole:  # what fails without an invalid part is a consequence, not a problem of its own
            for each in errors:
                _report(item, each, problems)
        unwanted = {_culprit(item, each) for each in errors}
        if item.node.loc in unwanted:
            return item
        item = Item(item.section, item.name, item.node.without(unwanted), None)
        plain = item.node.plain() if item.section != "policies" else _with_stand_ins(item.node.plain())


def _with_stand_ins(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy with something in place of each key that must be there, so that all else of it can be compiled."""
    elements = {
        key: [{**stand_in, "name": f"({_ELEMENTS[key]} {number})", **each} for number, each in enumerate(policy[key])]
        for key, stand_in in _ELEMENT_STAND_INS.items()
        if key in policy
    }
    return {**_POLICY_STAND_INS, **policy, **elements}


def _unread(whole: Node, kept: Node, raw: Raw) -> frozenset[str]:
    """Of a policy, the keys that decide whom it serves and that are not as its file has them."""
    if not isinstance(raw, RawPolicy) or not isinstance(kept.content, dict) or not isinstance(whole.content, dict):
        return frozenset()
    missing = _POLICY_STAND_INS.keys() - kept.content.keys()
    return frozenset(missing | ({"rollout"} & (whole.content.keys() - kept.content.keys())))


def _report(item: Item[Any], error: Any, problems: Problems) -> None:
    path: Location = error["loc"]
    node = item.at(*path)
    within = node.loc[len(item.node.loc) :]
    if error["type"] == "missing":
        problems.add(node.place, item.path(node.loc), f"{path[-1]!r} is missing")
    elif error["type"] == "extra_forbidden":
        holder = item.at(*path[:-1])
        key = str(path[-1])
        message = _unknown_key(key, item.section if holder is item.node else None, keys_of(_model(item, within[:-1])))
        problems.add(holder.keys[key], item.path(holder.loc), *message)
    else:
        problems.add(node.place, item.path(node.loc), *message_of(node, error))


def _culprit(item: Item[Any], error: Any) -> Location:
    """Where the part is that must go for the rest to be valid; nowhere, where a stand-in is enough."""
    path: Location = error["loc"]
    has_stand_in = item.section == "policies" and (len(path) <= 1 or path[0] in _ELEMENT_STAND_INS)
    if error["type"] == "missing" and has_stand_in:
        return (*item.node.loc, *path)
    return item.at(*path).loc


def message_of(node: Node, error: Any) -> tuple[str, str | None]:
    """What pydantic found wrong with the node, in the words of the policy language, and the next step."""
    if error["type"] == "literal_error" and isinstance(node.content, str):
        expected = error["ctx"]["expected"]
        known = expected.replace("'", "").replace(" or ", ", ").split(", ")
        return f"unknown value {node.content!r}, not {expected}", did_you_mean(node.content, known)
    if node.content is None:
        return "has no value", "write one, or leave the key out"
    text = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    message, suggestion = _MESSAGES.get(error["type"], (text, None))
    return message, suggestion


def _unknown_key(key: str, section: str | None, known: list[str]) -> tuple[str, str | None]:
    if section is not None and key in NOT_YET.get(section, {}):
        return f"{key!r} is not supported yet", NOT_YET[section][key]
    return f"unknown key {key!r}", did_you_mean(key, known) or f"known are {', '.join(known)}"


def _model(item: Item[Any], path: Location) -> type[Raw]:
    held = [NESTED[key] for key in path if isinstance(key, str) and key in NESTED]
    return held[-1] if held else SECTIONS[item.section]


def _words(path: Location) -> Iterator[str]:
    """("rules", 2, "when") → "rule 3", "when"."""
    keys = iter(path)
    for key in keys:
        if isinstance(key, int):
            yield f"item {key + 1}"
        elif key in _ELEMENTS:
            index = next(keys, None)
            yield str(key) if index is None else f"{_ELEMENTS[key]} {int(index) + 1}"
        else:
            yield key


def _check_unique(items: list[Item[Any]], problems: Problems) -> None:
    first: dict[str, Place] = {}
    for item in items:
        if item.name is None:
            continue
        place = item.at("name").place
        if item.name in first:
            where = f"{first[item.name].file}:{first[item.name].line}"
            problems.add(place, item.path(), "this name is already taken", f"it is first used in {where}")
        else:
            first[item.name] = place
