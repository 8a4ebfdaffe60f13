"""Prices from litellm's bundled map, read as a data file: litellm itself is not imported."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.pricing import Price
from gateway.providers.price_map_entry import price_of

_FILE = "model_prices_and_context_window_backup.json"


_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "ai21": ("ai21",),
    "azure": ("azure",),
    "bedrock": ("bedrock",),
    "cohere": ("cohere",),
    "cohere_chat": ("cohere",),
    "gemini": ("gemini", "vertex_ai"),
    "vertex_ai": ("vertex_ai",),
}
"""Provider → how `litellm_provider` begins in the entries that the map names by the model alone; else as it is called.

Without it a server of one's own would be billed as the public model its own is named after.
"""
_BEDROCK_ROUTES: Final = ("converse/", "invoke/")


class PriceMap:
    """Prices by provider and model. Entries are decoded one at a time: the whole map is some 4,500 of them."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _bundled()
        self._entries: dict[str, msgspec.Raw] | None = None

    def __call__(self, provider: str, model: str) -> Price | None:
        """The price of a model, None where the map has none or has no token prices for it."""
        entries = self._load()
        if provider == "bedrock":
            model = next((model.removeprefix(route) for route in _BEDROCK_ROUTES if model.startswith(route)), model)
        for name, families in ((f"{provider}/{model}", ("",)), (model, _FAMILIES.get(provider, (provider,)))):
            raw = entries.get(name)
            if raw is not None and (price := price_of(raw, families)) is not None:
                return price
        return None

    def forget(self) -> None:
        """Let go of the map; it is read again when next asked."""
        self._entries = None

    def _load(self) -> dict[str, msgspec.Raw]:
        if self._entries is None:
            self._entries = msgspec.json.decode(self._path.read_bytes(), type=dict[str, msgspec.Raw])
        return self._entries


def _bundled() -> Path:
    """The file inside the installed litellm; finding a top-level package does not run it."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("litellm is not installed, so there is no price map: install sizewise's dependencies")
    return Path(spec.origin).with_name(_FILE)
