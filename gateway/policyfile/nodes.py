"""YAML with the place of every node. Stricter than YAML: no anchors, tags, duplicate keys or ambiguous scalars."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from gateway.policyfile.problems import Place, Problems
from gateway.policyfile.source import SourceFile

DEEPEST_NESTING = 32
MOST_NODES = 50_000

Scalar = str | bool | int | Decimal | None
Location = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")
_AMBIGUOUS_WORD = re.compile(r"yes|no|on|off|[-+]?\.inf|\.nan", re.IGNORECASE)
_AMBIGUOUS_NUMBER = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_,]*\.?|[0-9][0-9_]*(?::[0-9]+)+|0[xob][0-9a-fA-F_]+)")
_UNIT = re.compile(r"\S")
_UNITS = {"'": re.compile(r"''|\S"), '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|\r?\n|[\s\S])|\S")}
"""By the quote a text is in: how the file writes one of its characters that are not white space."""
_CODES = frozenset("xuU")
_BLANK_ESCAPES = frozenset("tnvfrNLP_ \t\r\n")
_MOST_RAW = 16
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A mapping, a sequence or a scalar.

    loc   the keys and indexes that lead to it from the top of the file
    keys  of a mapping: where each key stands
    raw   of a scalar: how the file writes it, quotes and all
    """

    place: Place
    loc: Location
    content: "dict[str, Node] | list[Node] | Scalar"
    keys: dict[str, Place]
    raw: str = ""

    def child(self, key: str | int) -> "Node | None":
        if isinstance(self.content, dict):
            return self.content.get(str(key))
        if isinstance(self.content, list) and isinstance(key, int) and key < len(self.content):
            return self.content[key]
        return None

    def at(self, *path: str | int) -> "Node":
        """The node the path leads to, or the last one on the way there."""
        node = self
        for key in path:
            child = node.child(key)
            if child is None:
                break
            node = child
        return node

    def plain(self) -> Any:
        """The node as Python values; numbers with a point or an exponent are Decimal."""
        if isinstance(self.content, dict):
            return {key: child.plain() for key, child in self.content.items()}
        if isinstance(self.content, list):
            return [child.plain() for child in self.content]
        return self.content

    def without(self, unwanted: Collection[Location]) -> "Node":
        """The same node less the nodes at these locations; all others keep their place and `loc`."""
        content = self.content
        if isinstance(content, dict):
            content = {key: each.without(unwanted) for key, each in content.items() if each.loc not in unwanted}
        elif isinstance(content, list):
            content = [each.without(unwanted) for each in content if each.loc not in unwanted]
        return Node(place=self.place, loc=self.loc, content=content, keys=self.keys, raw=self.raw)

    def place_of(self, offset: int) -> Place:
        """Where the file holds the character at `offset` of this text, seen through quoting, folding and escapes."""
        at = self._index_of(offset)
        before = self.raw[:at]
        if "\n" not in before:
            return self.place._replace(column=(self.place.column or 1) + at)
        line = (self.place.line or 1) + before.count("\n")
        return Place(self.place.file, line, at - before.rfind("\n"))

    def _index_of(self, offset: int) -> int:
        """Where in `raw` the character stands; 0 where `raw` is mostly something else.

        White space may be folded or be none of the text, so it is the other characters that are counted.
        """
        text = self.content if isinstance(self.content, str) else ""
        if len(self.raw) > _MOST_RAW * (len(text) + 100):
            return 0
        left = sum(not char.isspace() for char in text[:offset])
        at = self.raw.find("\n") + 1 if self.raw[:1] in {"|", ">"} else self.raw[:1] in {"'", '"'}
        for unit in _UNITS.get(self.raw[:1], _UNIT).finditer(self.raw, at):
            if _is_blank(unit[0]):
                continue
            if left == 0:
                return unit.start() if offset < len(text) and not text[offset].isspace() else at
            at, left = unit.end(), left - 1
        return at


def parse(file: SourceFile, problems: Problems) -> Node | None:
    """The file's one document; None where it is empty or not good YAML (then there are problems more)."""
    before = len(problems)
    document = None
    try:
        document = _Composer(file, problems).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file.name, mark.line + 1, mark.column + 1) if mark else Place(file.name)
        problems.add(place, "", f"not valid YAML: {error.problem or error.context}")
    except yaml.reader.ReaderError as error:
        good = file.text.encode()[: error.position].decode()  # libyaml counts bytes here
        place = Place(file.name, good.count("\n") + 1, len(good) - good.rfind("\n"))
        problems.add(place, "", "not valid YAML: a control character")
    return document if len(problems) == before else None


class _Composer:
    """Builds nodes from libyaml's events. Aliases are refused, so a small file cannot become a large tree."""

    def __init__(self, file: SourceFile, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._events: Iterator[Any] = yaml.parse(file.text, Loader=yaml.CSafeLoader)
        self._nodes = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._problem(event, "a second document", "write one document a file")
                    break
                root = self._node(next(self._events), ())
        return None if root is None or root.content is None else root

    def _node(self, event: Any, loc: Location) -> Node:
        if len(loc) > DEEPEST_NESTING:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {DEEPEST_NESTING}", event.start_mark)
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise yaml.MarkedYAMLError(None, None, f"more than {MOST_NODES} values; split it", event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._problem(event, f"alias '*{event.anchor}': aliases are not supported", "write the value out")
            return self._made(event, loc, None)
        if event.anchor is not None:
            self._problem(event, f"anchor '&{event.anchor}': anchors are not supported", "write the value out")
        if event.tag is not None and event.tag != "!":
            self._problem(event, "tags are not supported", "leave the '!…' out")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, loc)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, loc)
        return self._made(event, loc, self._scalar(event))

    def _mapping(self, start: Any, loc: Location) -> Node:
        children: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._problem(event, "a key must be text")
                self._node(event, (*loc, ""))
            child = self._node(next(self._events), (*loc, key or ""))
            if key in keys:
                self._problem(event, f"duplicate key {key!r}, first in line {keys[key].line}", "keep one of them")
            elif key is not None:
                children[key] = child
                keys[key] = self._place(event)
        return self._made(start, loc, children, keys)

    def _sequence(self, start: Any, loc: Location) -> Node:
        children: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            children.append(self._node(event, (*loc, len(children))))
        return self._made(start, loc, children)

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if event.style:  # quoted, literal or folded; a plain scalar has the style ""
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
        if _AMBIGUOUS_WORD.fullmatch(text):
            self._problem(event, f"{text!r} means different things to different YAML readers", "write true or 'text'")
        elif _AMBIGUOUS_NUMBER.fullmatch(text):
            self._problem(event, f"{text!r} is not a plain decimal number", "write one, or put the text in quotes")
        return text

    def _made(
        self,
        event: Any,
        loc: Location,
        content: "dict[str, Node] | list[Node] | Scalar",
        keys: dict[str, Place] | None = None,
    ) -> Node:
        raw = self._file.text[event.start_mark.index : event.end_mark.index] if isinstance(content, str) else ""
        return Node(place=self._place(event), loc=loc, content=content, keys=keys or {}, raw=raw)

    def _place(self, event: Any) -> Place:
        return Place(self._file.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _problem(self, event: Any, message: str, suggestion: str | None = None) -> None:
        self._problems.add(self._place(event), "", message, suggestion)


def _is_blank(unit: str) -> bool:
    """Whether what double quotes write so is white space, or nothing at all."""
    if len(unit) < 2 or unit[0] != "\\":
        return False
    if unit[1] in _CODES:
        try:
            return chr(int(f"0x{unit[2:]}", 0)).isspace()
        except (ValueError, OverflowError):
            return False
    return unit[1] in _BLANK_ESCAPES
