"""`/admin/keys`: the virtual keys. What is done here is what `sizewise keys` does, by the same functions."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Path, Query
from msgspec import UNSET, UnsetType

from gateway.api.access import Acting, needs
from gateway.api.admin_errors import Responses, described, invalid
from gateway.api.key_models import (
    KeyPage,
    KeySettingModel,
    KeyView,
    ListedKeyView,
    NewKeyModel,
    NewKeyView,
    RotationModel,
    terms_of,
)
from gateway.domain.acts import Actor
from gateway.domain.allowances import BudgetTerms, Limits
from gateway.domain.key_acts import Change, KeyTerms, ListedKey, NewKey
from gateway.domain.key_names import LONGEST, KeyTermsError
from gateway.domain.keyring import StoredKey
from gateway.domain.virtual_key import claims_to_be_one

PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str | None, Query(max_length=LONGEST, pattern=PRINTABLE)]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
After = Annotated[str | None, Query(max_length=2 * LONGEST + 1, pattern=PRINTABLE, description="`next` of a page.")]
UNREACHABLE: Final[Responses] = {503: described("The database cannot be asked; nothing was done")}
_KeyId = Annotated[str, Path(max_length=LONGEST, pattern=PRINTABLE, description="The key's public id, never the key.")]
_UNKNOWN: Final[Responses] = {
    404: described("No such key", "there is no key with id '0123456789'; `sizewise keys list` shows the ids")
}
_STATE: Final[Responses] = {
    409: described("The key is in no state for it", "key '0123456789' is revoked, for good; create a new one")
}
_TERMS: Final[Responses] = {422: invalid("team", "team 'a/b' has a '/' or ':' in it, which part …")}


class Keys(Protocol):
    """The keys; every method blocks, and raises ActsUnavailableError where the database cannot be asked."""

    def keys(self, *, team: str | None, app: str | None, after: str | None, limit: int) -> Sequence[ListedKey]: ...
    def key(self, key_id: str) -> ListedKey: ...
    def create(self, terms: KeyTerms, *, actor: Actor) -> NewKey: ...
    def rotate(
        self, key_id: str, *, overlap_s: float, expires_at: float | UnsetType | None, actor: Actor
    ) -> NewKey: ...
    def revoke(self, key_id: str, *, actor: Actor) -> Change[StoredKey]: ...
    def disable(self, key_id: str, *, actor: Actor) -> Change[StoredKey]: ...
    def enable(self, key_id: str, *, actor: Actor) -> Change[StoredKey]: ...
    def set_key(
        self,
        key_id: str,
        *,
        limits: Limits | None = None,
        budgets: tuple[BudgetTerms, ...] | None = None,
        models: tuple[str, ...] | UnsetType | None = UNSET,
        actor: Actor,
    ) -> Change[StoredKey]: ...


def key_pages(keys: Keys, now: Callable[[], float]) -> APIRouter:
    """The routes. `now`: Unix time, in seconds."""
    pages = APIRouter(prefix="/admin/keys", tags=["keys"], responses=UNREACHABLE)
    _reading(pages, keys, now)
    _making(pages, keys, now)
    _changing(pages, keys, now)
    return pages


def _reading(pages: APIRouter, keys: Keys, now: Callable[[], float]) -> None:
    @pages.get("", responses=_TERMS)
    @needs("viewer")
    def list_keys(team: Name = None, app: Name = None, after: After = None, limit: Limit = 100) -> KeyPage:
        """The keys, the latest made first."""
        found = keys.keys(team=team, app=app, after=after, limit=limit + 1)
        shown = found[:limit]
        return KeyPage(
            keys=tuple(ListedKeyView.listed(each, now()) for each in shown),
            next=shown[-1].key.id if len(found) > limit else None,
        )

    @pages.get("/{key_id}", responses=_UNKNOWN)
    @needs("viewer")
    def show_key(key_id: _KeyId) -> ListedKeyView:
        """All that is known of a key."""
        return ListedKeyView.listed(keys.key(_checked(key_id)), now())


def _making(pages: APIRouter, keys: Keys, now: Callable[[], float]) -> None:
    unpeppered: Responses = {
        409: described("The gateway has no pepper", "the gateway has no pepper to make keys with: set …")
    }

    @pages.post("", status_code=201, responses={**unpeppered, **_TERMS})
    @needs("admin")
    def create_key(terms: NewKeyModel, actor: Acting) -> NewKeyView:
        """Make a key. The key itself stands in this answer only: it is not kept, and not shown again."""
        return NewKeyView.made(keys.create(terms.terms(), actor=actor), now())

    @pages.post("/{key_id}/rotate", status_code=201, responses={**_UNKNOWN, **_STATE, **_TERMS})
    @needs("admin")
    def rotate_key(key_id: _KeyId, rotation: RotationModel, actor: Acting) -> NewKeyView:
        """Make a key of the same terms, once; the old one expires after the overlap."""
        at = rotation.expires_at
        expires_at: float | UnsetType | None = None if at is None else at.timestamp()
        if "expires_at" not in rotation.model_fields_set:
            expires_at = UNSET
        made = keys.rotate(_checked(key_id), overlap_s=rotation.overlap_s, expires_at=expires_at, actor=actor)
        return NewKeyView.made(made, now())


def _changing(pages: APIRouter, keys: Keys, now: Callable[[], float]) -> None:
    @pages.post("/{key_id}/revoke", responses=_UNKNOWN)
    @needs("operator")
    def revoke_key(key_id: _KeyId, actor: Acting) -> KeyView:
        """Refuse a key from now on, for good. Every gateway knows within two seconds."""
        return KeyView.of(keys.revoke(_checked(key_id), actor=actor).after, now())

    @pages.post("/{key_id}/disable", responses={**_UNKNOWN, **_STATE})
    @needs("operator")
    def disable_key(key_id: _KeyId, actor: Acting) -> KeyView:
        """Refuse a key until it is enabled again."""
        return KeyView.of(keys.disable(_checked(key_id), actor=actor).after, now())

    @pages.post("/{key_id}/enable", responses={**_UNKNOWN, **_STATE})
    @needs("admin")
    def enable_key(key_id: _KeyId, actor: Acting) -> KeyView:
        """Let a disabled key work again."""
        return KeyView.of(keys.enable(_checked(key_id), actor=actor).after, now())

    @pages.patch("/{key_id}", responses={**_UNKNOWN, **_STATE, **_TERMS})
    @needs("admin")
    def set_key(key_id: _KeyId, setting: KeySettingModel, actor: Acting) -> KeyView:
        """Set what a key may use and ask for."""
        change = keys.set_key(
            _checked(key_id),
            limits=None if setting.limits is None else setting.limits.limits(),
            budgets=terms_of(setting.budgets),
            models=setting.models if "models" in setting.model_fields_set else UNSET,
            actor=actor,
        )
        return KeyView.of(change.after, now())


def _checked(key_id: str) -> str:
    """Raises KeyTermsError for a whole key: URLs are logged on their way."""
    if claims_to_be_one(key_id):
        message = (
            "that is a key, not the id of one: give the ten characters after its prefix, and revoke it, for it has"
            " been in a URL"
        )
        raise KeyTermsError(message, field="key_id")
    return key_id
