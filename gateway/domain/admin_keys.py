"""The keys of the admin plane, as a setting writes them: `name:role:key`, comma-separated."""

import re
from collections.abc import Collection
from typing import Final

from gateway.domain.acts import ROLES, Role

SHORTEST: Final = 16
RESERVED: Final = frozenset({"admin", "local"})
"""Who has the one key that is of no name, and who acts where there are no keys."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_FORM: Final = "write name:role:key"


def read_admin_keys(text: str, taken: Collection[str]) -> list[tuple[str, Role, str]]:
    """Name, role and key of each. `taken`: keys that are something else's already.

    Raises ValueError with every problem at once. Parts are told by their number alone: where one is of the wrong form
    it is not known what of it is the secret.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names, keys = set(RESERVED), set(taken)
    read: list[tuple[str, Role, str]] = []
    problems: list[str] = []
    for place, part in enumerate(parts, 1):
        name, _, rest = part.partition(":")
        role_text, _, key = rest.partition(":")
        role = next((each for each in ROLES if each == role_text), None)
        faults = list(_faults(name, role, key, names, keys))
        if role is not None and not faults:
            read.append((name, role, key))
        problems += [f"part {place}: {fault}" for fault in faults]
        names.add(name)
        keys.add(key)
    if problems:
        raise ValueError("; ".join(problems))
    return read


def _faults(name: str, role: Role | None, key: str, names: Collection[str], keys: Collection[str]) -> list[str]:
    if role is None:
        return [f"no role of {', '.join(ROLES)} is in its middle; {_FORM}"]
    faults = []
    if not _NAME.fullmatch(name):
        faults.append(f"its name is not of letters, digits and . _ @ -, 64 at most; {_FORM}")
    if name in names:
        faults.append("its name is taken: each is of one person or tool, and 'admin' and 'local' are nobody's")
    if len(key) < SHORTEST:
        faults.append(f"its key is shorter than {SHORTEST} characters; make one with `openssl rand -hex 24`")
    elif key in keys:
        faults.append("its key is another's too, of a client or of the admin plane; make one for each")
    return faults
