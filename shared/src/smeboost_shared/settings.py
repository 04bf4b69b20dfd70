"""Settings come from the environment, are checked once at start, and never change after it.

Each member has one frozen subclass of `Settings`. The environment variable of a field is its `validation_alias`
or, without one, the class's prefix and its name.
"""

from typing import TypeVar

from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from smeboost_shared.errors import FieldProblem, Misconfigured


class Settings(BaseSettings):
    """Base of every member's settings: frozen, from the environment, empty variables count as absent."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, hide_input_in_errors=True
    )


FOLLOW_UPS = frozenset({"default_factory_not_called"})
"""Errors that only follow from another one."""

SomeSettings = TypeVar("SomeSettings", bound=Settings)


def load(kind: type[SomeSettings], **overrides: object) -> SomeSettings:
    """Read `kind` from the environment; `overrides` win over it.

    Raises:
        Misconfigured: a variable is missing or wrong; the message names each one and how to set it.
    """
    try:
        return kind(**overrides)  # pyright: ignore[reportArgumentType]  # the overrides are checked by pydantic
    except ValidationError as exc:
        problems = [
            _problem(kind, error["loc"], error["type"], error["msg"])
            for error in exc.errors()
            if error["type"] not in FOLLOW_UPS
        ]
        message = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
        raise Misconfigured(message, errors=problems) from None


def _problem(kind: type[Settings], location: tuple[int | str, ...], error_type: str, message: str) -> FieldProblem:
    name = str(location[0]) if location else "settings"
    field = kind.model_fields.get(name) or _by_alias(kind, name)
    variable = variable_of(kind, name, field) if field else name
    if error_type != "missing":
        return FieldProblem(field=variable, message=message)
    meaning = f" ({field.description})" if field and field.description else ""
    return FieldProblem(field=variable, message=f"is not set{meaning}. Set it, e.g. export {variable}=...")


def _by_alias(kind: type[Settings], name: str) -> FieldInfo | None:
    return next((f for f in kind.model_fields.values() if name in _names(f)), None)


def variable_of(kind: type[Settings], name: str, field: FieldInfo) -> str:
    """The environment variable of a field; the first one when it has several."""
    names = _names(field)
    return names[0] if names else f"{kind.model_config.get('env_prefix', '')}{name}".upper()


def _names(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [choice for choice in choices if isinstance(choice, str)]
