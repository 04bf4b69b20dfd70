"""Settings come from the environment, are checked once at start, and never change after it.

Each member has one frozen subclass of `Settings`. The environment variable of a field is its `validation_alias`
or, without one, the class's prefix and its name.
"""

from typing import TypeVar

from pydantic import ValidationError
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
    variable = _variable(kind, name)
    if error_type != "missing":
        return FieldProblem(field=variable, message=message)
    field = kind.model_fields.get(name) or _by_alias(kind, name)
    meaning = f" ({field.description})" if field and field.description else ""
    return FieldProblem(field=variable, message=f"is not set{meaning}. Set it, e.g. export {variable}=...")


def _by_alias(kind: type[Settings], name: str):  # noqa: ANN202  # pydantic's FieldInfo, used only above
    return next((f for f in kind.model_fields.values() if f.validation_alias == name), None)


def _variable(kind: type[Settings], name: str) -> str:
    field = kind.model_fields.get(name)
    if field is None:
        return name
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    return f"{kind.model_config.get('env_prefix', '')}{name}".upper()
