"""What a value may be at least and at most, as pydantic asks."""

from datetime import timedelta

from pydantic import BeforeValidator

from wamon.config import fields


def span(least: timedelta, most: timedelta, said: str) -> BeforeValidator:
    """A duration between two others, which `said` names."""

    def checked(value: object) -> timedelta:
        found = value if isinstance(value, timedelta) else fields.duration(value)
        if not least <= found <= most:
            raise ValueError(f"should be {said}")
        return found

    return BeforeValidator(checked)


def number(least: int, most: int) -> BeforeValidator:
    """A whole number between two others."""

    def checked(value: object) -> int:
        found = fields.count(value)
        if not least <= found <= most:
            raise ValueError(f"should be {least:,} to {most:,}")
        return found

    return BeforeValidator(checked)
