"""What every section of the config has in common."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A mapping of the file. An empty value, such as of a variable that is empty, is a missing one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)
    empty_counts: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_empties(cls, data: object) -> object:
        return without_empties(data, {*known(cls)} - cls.empty_counts)


def without_empties(data: object, keys: Collection[str]) -> object:
    """What a file says, but for those of the keys that it leaves empty."""
    if data is None or data == "":
        return {}
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if key not in keys or not (value is None or value == "")}


def known(section: type) -> dict[str, FieldInfo]:
    """Its fields, by their names in the file."""
    fields: Mapping[str, FieldInfo] = vars(section)["__pydantic_fields__"]
    return {field.alias or name: field for name, field in fields.items()}
