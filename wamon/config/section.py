"""What every section of the config has in common."""

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
        if data is None or data == "":
            return {}
        if not isinstance(data, dict):
            return data
        return {
            key: value
            for key, value in data.items()
            if key in cls.empty_counts or key not in known(cls) or not (value is None or value == "")
        }


def known(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields, by their names in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
