"""What can go wrong, by what is to be done: try again (Retryable), park one message (Poison), stop (Fatal).

Each error is one paragraph for people: what failed, on what, why, and what to do (`hint`). None carries a message's
text, a phone number or a secret.
"""

from __future__ import annotations


class WamonError(Exception):
    """An error that we foresaw: shown as one paragraph, without a traceback."""

    exit_code = 1
    hint = ""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint or self.hint

    def paragraph(self) -> str:
        said = str(self)
        between = " " if said.endswith(".") else "\n"  # a list of problems ends in no stop
        return f"{said}{between}{self.hint}".strip()


class Retryable(WamonError):
    """Nothing is wrong with any message: the same again, later, can work.

    `retry_after_seconds`: how long the other side asked us to wait, where it did.
    """

    exit_code = 69

    def __init__(self, what: str, *, hint: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(what, hint=hint)
        self.retry_after_seconds = retry_after_seconds


_NO_THREAD = "can't start new thread"
"""Python's words."""


class HostUnavailable(Retryable):
    """The host has no room, memory, right or whatever else wamon needs of it."""

    @classmethod
    def because(cls, error: OSError | RuntimeError) -> HostUnavailable:
        """Raises the error again where it is none of the host's."""
        if isinstance(error, RuntimeError):
            if str(error) != _NO_THREAD:
                raise error
            return cls("The host lets wamon start no thread.", hint="Raise TasksMax= of its unit, or `ulimit -u`.")
        where = f" ({error.filename})" if error.filename else ""
        hint = "Nothing is lost. It is mended on the host: room, limits, rights; wamon goes on by itself."
        return cls(f"The host refuses what wamon needs: {error.strerror or type(error).__name__}{where}.", hint=hint)


class BridgeUnavailable(Retryable):
    """The bridge's store can't be read now."""


class DatabaseUnavailable(Retryable):
    """PostgreSQL can't be reached, or refuses to work for reasons of its own."""


class TimedOut(DatabaseUnavailable):
    """PostgreSQL ended a statement for its time: less of the same may fit."""


class Locked(DatabaseUnavailable):
    """A table or a row is locked by another session."""


class NoConnectionFree(DatabaseUnavailable):
    """PostgreSQL gives no connection more, to this role or to anybody."""


class ReadOnly(DatabaseUnavailable):
    """PostgreSQL writes nothing in this session: one that is begun later may."""


class Superseded(Retryable):
    """Another wamon moved this source's cursor since we read it: read it again."""

    exit_code = 75


class Busy(Retryable):
    """Another wamon holds what we need."""

    exit_code = 75


class Poison(WamonError):
    """One message, or one of a batch, can't be recorded as it is."""


class Fatal(WamonError):
    """Nothing will change until somebody acts."""


class UsageError(Fatal):
    """The command's own words are off."""

    exit_code = 2


class ConfigError(Fatal):
    """The config, or what it names, can't be used."""

    exit_code = 78


class NoStore(ConfigError):
    """A store is to be looked at where none is read: hooks bring all messages."""

    exit_code = 2


class BridgeUnknown(Fatal):
    """The file is no bridge's store that we know."""

    exit_code = 69


class SchemaError(Fatal):
    """The database's schema and this wamon don't fit."""

    exit_code = 69


class CouldNotCheck(WamonError):
    """A verify that couldn't compare: neither clean nor unclean."""

    exit_code = 2


class PromiseBroken(Fatal):
    """Something holds that can't: stop before it spreads."""

    exit_code = 70
