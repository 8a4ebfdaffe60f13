"""Keys, teams and applications as the admin plane's JSON has them. Money is whole nano-dollars, times are ISO 8601."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from gateway.domain.allowances import BudgetTerms, Limits, Period
from gateway.domain.key_acts import KeyTerms, ListedKey, NewKey
from gateway.domain.key_names import MOST
from gateway.domain.keyring import Holder, KeyState, StoredKey

_MOST_COUNTED: Final = 10**15
_MOST_NANO_USD: Final = 10**18
_Count = Annotated[int, Field(ge=1, le=_MOST_COUNTED)]
_Share = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
_Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC))]
_Names = Annotated[tuple[str, ...], Field(max_length=MOST)]


class _Given(BaseModel):
    """What a client sends: a field that nobody reads is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsModel(_Given):
    """How much at most; null or absent: no limit."""

    requests_per_minute: _Count | None = None
    requests_per_day: _Count | None = None
    tokens_per_minute: _Count | None = None
    tokens_per_day: _Count | None = None
    concurrent: _Count | None = None

    def limits(self) -> Limits:
        return Limits(**self.model_dump())


class BudgetModel(_Given):
    """How much money in each period of the calendar, in UTC; a soft budget is told when it is spent, and goes on."""

    period: Period
    limit_nano_usd: Annotated[int, Field(ge=0, le=_MOST_NANO_USD)]
    is_hard: bool = True
    alert_at: Annotated[tuple[_Share, ...], Field(max_length=10)] = (0.8, 1.0)

    def terms(self) -> BudgetTerms:
        return BudgetTerms(**self.model_dump())


_Budgets = Annotated[tuple[BudgetModel, ...], Field(max_length=3)]
_LIMITS_EXAMPLE: Final[dict[str, JsonValue]] = {"requests_per_minute": 60, "tokens_per_day": 2_000_000}
_BUDGET_EXAMPLE: Final[dict[str, JsonValue]] = {"period": "month", "limit_nano_usd": 500_000_000_000}


class NewKeyModel(_Given):
    """What a new key is to be. A team and an application that are not there are made."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "example": {
                "team": "claims",
                "app": "mailbot",
                "models": ["auto"],
                "limits": _LIMITS_EXAMPLE,
                "budgets": [_BUDGET_EXAMPLE],
            }
        }
    )

    team: str = ""
    app: str = ""
    tags: _Names = ()
    models: Annotated[_Names | None, Field(description="Aliases it may ask for; null: all.")] = None
    limits: LimitsModel = LimitsModel()
    budgets: _Budgets = ()
    expires_at: Annotated[_Moment | None, Field(description="With its time zone; null: never.")] = None

    def terms(self) -> KeyTerms:
        return KeyTerms(
            team=self.team,
            app=self.app,
            tags=self.tags,
            models=self.models,
            limits=self.limits.limits(),
            budgets=terms_of(self.budgets) or (),
            expires_at=None if self.expires_at is None else self.expires_at.timestamp(),
        )


class RotationModel(_Given):
    """How a key is replaced."""

    overlap_s: Annotated[
        float, Field(ge=0, le=366 * 86_400, allow_inf_nan=False, description="How long the old key still works.")
    ] = 86_400
    expires_at: Annotated[
        _Moment | None,
        Field(description="Of the new key; null: never; absent: it lives as long as the old one was given."),
    ] = None


class KeySettingModel(_Given):
    """What a key may use and ask for. What is absent stays as it is; what is given takes the place of all there was."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"example": {"limits": _LIMITS_EXAMPLE, "models": None}}
    )

    limits: LimitsModel | None = None
    budgets: _Budgets | None = None
    models: Annotated[_Names | None, Field(description="Null: all aliases.")] = None


class HolderSettingModel(_Given):
    """What all keys of it may use together. What is absent stays as it is; what is given replaces all there was."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"example": {"budgets": [_BUDGET_EXAMPLE], "is_disabled": False}}
    )

    limits: LimitsModel | None = None
    budgets: _Budgets | None = None
    is_disabled: Annotated[bool | None, Field(description="True: all its keys are refused.")] = None


class HolderView(BaseModel):
    """A team, or an application of one; `app` is empty for the team itself."""

    team: str
    app: str
    limits: LimitsModel
    budgets: tuple[BudgetModel, ...]
    disabled_at: datetime | None
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, holder: Holder) -> "HolderView":
        return cls(
            team=holder.team,
            app=holder.app,
            **_allowance(holder),
            disabled_at=_moment(holder.disabled_at),
            created_at=datetime.fromtimestamp(holder.created_at, UTC),
            changed_at=datetime.fromtimestamp(holder.changed_at, UTC),
        )


class KeyView(BaseModel):
    """All that may be told of a key. Of the key itself that is its last four characters."""

    id: str
    last4: str
    state: KeyState
    team: str
    app: str
    tags: tuple[str, ...]
    models: tuple[str, ...] | None
    limits: LimitsModel
    budgets: tuple[BudgetModel, ...]
    created_at: datetime
    changed_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    pepper_version: str

    @classmethod
    def fields_of(cls, key: StoredKey, now_s: float) -> dict[str, Any]:
        return {
            "id": key.id,
            "last4": key.last4,
            "state": key.state(now_s),
            "team": key.team,
            "app": key.app,
            "tags": key.tags,
            "models": key.models,
            **_allowance(key),
            "created_at": _moment(key.created_at),
            "changed_at": _moment(key.changed_at),
            "expires_at": _moment(key.expires_at),
            "disabled_at": _moment(key.disabled_at),
            "revoked_at": _moment(key.revoked_at),
            "replaces": key.replaces,
            "pepper_version": key.pepper_version,
        }

    @classmethod
    def of(cls, key: StoredKey, now_s: float) -> "KeyView":
        return cls(**cls.fields_of(key, now_s))


class ListedKeyView(KeyView):
    """With when it was last used, within a minute or so; null: never."""

    last_used_at: datetime | None

    @classmethod
    def listed(cls, listed: ListedKey, now_s: float) -> "ListedKeyView":
        return cls(**cls.fields_of(listed.key, now_s), last_used_at=_moment(listed.last_used_at))


class NewKeyView(KeyView):
    """A key just made. `key` is the key itself, in this answer and nowhere else; `retiring`: the one it replaces."""

    key: str
    retiring: KeyView | None

    @classmethod
    def made(cls, made: NewKey, now_s: float) -> "NewKeyView":
        old = made.retiring
        retiring = None if old is None else KeyView.of(old.after, now_s)
        return cls(**cls.fields_of(made.key, now_s), key=made.text, retiring=retiring)


class KeyPage(BaseModel):
    """`next`: what to give as `after` for the page after this one; null: there is none."""

    keys: tuple[ListedKeyView, ...]
    next: str | None


class TeamPage(BaseModel):
    """As `KeyPage`."""

    teams: tuple[HolderView, ...]
    next: str | None


class AppPage(BaseModel):
    """As `KeyPage`; `next` is the team and the name, as `claims/mailbot`."""

    apps: tuple[HolderView, ...]
    next: str | None


def terms_of(budgets: tuple[BudgetModel, ...] | None) -> tuple[BudgetTerms, ...] | None:
    return None if budgets is None else tuple(budget.terms() for budget in budgets)


def _allowance(of: StoredKey | Holder) -> dict[str, Any]:
    return {
        "limits": LimitsModel.model_construct(**msgspec.structs.asdict(of.limits)),
        "budgets": tuple(BudgetModel.model_construct(**msgspec.structs.asdict(each)) for each in of.budgets),
    }


def _moment(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
