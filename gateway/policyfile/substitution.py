"""Puts environment variables in the place of `${NAME}`; their values are never shown."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.policy import Secret
from gateway.policyfile.items import Item
from gateway.policyfile.nodes import Node
from gateway.policyfile.problems import Problems

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Substitution:
    """What is wrong with a text or its variables is added to the problems, at the node it stands in."""

    def __init__(self, environment: Mapping[str, str], problems: Problems) -> None:
        self._environment = environment
        self._problems = problems

    def text(self, item: Item[Any], node: Node, text: str) -> str:
        """The text with its `${NAME}`s replaced."""
        if "${" in _REFERENCE.sub("", text):
            message = "holds a '${' that begins no reference"
            self._problems.add(node.place, item.path(node.loc), message, "write ${NAME}, in letters, digits and '_'")
        for name in _REFERENCE.findall(text):
            if not self._environment.get(name):
                fault = "set but empty" if name in self._environment else "not set"
                message = f"environment variable {name!r} is {fault}"
                self._problems.add(node.place, item.path(node.loc), message, "set it where the gateway starts")
        return _REFERENCE.sub(lambda match: self._environment.get(match[1], ""), text)

    def secret(self, item: Item[Any], node: Node, text: str) -> Secret | None:
        """The value of the one reference that the text is; None where it is none."""
        if not _REFERENCE.fullmatch(text):
            message = "must be a reference such as ${OPENAI_API_KEY}"
            self._problems.add(node.place, item.path(node.loc), message, "policy files hold no secrets")
            return None
        return Secret(self.text(item, node, text))

    def url(self, item: Item[Any], node: Node, text: str) -> str | None:
        """The text, replaced, where it is a URL to call; None where a variable is missing."""
        before = len(self._problems)
        url = self.text(item, node, text)
        if len(self._problems) > before:
            return None
        if fault := url_fault(url):
            shown = "the value of its variables" if url != text else "it"
            self._problems.add(node.place, item.path(node.loc), f"{shown} {fault}")
        return url


def url_fault(url: str) -> str | None:
    """Why a URL cannot be called; None where it can."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or not url.isprintable() or " " in url:
        return "is not an http:// or https:// URL"
    if parts.username is not None or parts.password is not None:
        return "holds credentials; use api_key"
    if parts.fragment:
        return "holds a fragment; end it with the path, such as /v1, or with a query, such as Azure's api-version"
    return None
