"""Parcels: drafts as one process hands them to another. A few large values, quickly sent, that take half the room."""

from __future__ import annotations

from array import array
from collections import Counter
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, AnyStr, Generic, NamedTuple

from wamon.ledger.drafts import Draft
from wamon.ledger.posts import Posts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wamon.model import Group, Label, Reading


class _Strings(NamedTuple, Generic[AnyStr]):
    """Many strings: all of them joined, and how long each is."""

    joined: AnyStr
    lengths: array[int]


class Parcel(NamedTuple):
    """A draft without readings. Chats are told by their place among those that both processes know."""

    ledger_rows: list[bytes]
    submission_rows: list[bytes]
    near: list[Reading]
    chats: array[int]  # of the messages, each once
    messages: array[int]  # how many of each
    last: _Strings[bytes]  # of each
    posted_in: array[int]  # the chat of each post
    numbers: _Strings[str]
    message_ids: _Strings[bytes]
    senders: Sequence[bytes]
    rowids: Sequence[int]
    sent_ats: Sequence[int]
    from_me: bytes
    have_time: bytes


class Parcels:
    """Makes drafts parcels, and opens them, for processes that both know these chats."""

    def __init__(self, labels: Mapping[str, Group | Label]) -> None:
        self._jids = list(labels)
        self._projects = [label.project for label in labels.values()]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {jid: n for n, jid in enumerate(self._jids)}

    def made(self, draft: Draft) -> Parcel:
        """A draft without readings as a parcel."""
        posts, messages, last = draft.posts, draft.messages, draft.last
        return Parcel(
            draft.ledger_rows,
            draft.submission_rows,
            draft.near,
            self._placed(messages),
            array("I", messages.values()),
            _bytes([last[jid] for jid in messages]),
            self._placed(posts.jids),
            _Strings("".join(posts.numbers), _lengths(posts.numbers)),
            _bytes(posts.message_ids),
            posts.senders,
            posts.rowids,
            posts.sent_ats,
            bytes(posts.from_me),
            bytes(posts.have_time),
        )

    def opened(self, parcel: Parcel) -> Draft:
        """The draft that it was made from."""
        jids, projects = self._jids, self._projects
        chats = [jids[n] for n in parcel.chats]
        posts = Posts(
            [projects[n] for n in parcel.posted_in],
            _each(parcel.numbers),
            _each(parcel.message_ids),
            parcel.rowids,
            [jids[n] for n in parcel.posted_in],
            parcel.senders,
            parcel.sent_ats,
            [*map(bool, parcel.from_me)],
            [*map(bool, parcel.have_time)],
        )
        return Draft(
            None,
            parcel.ledger_rows,
            posts,
            parcel.submission_rows,
            parcel.near,
            Counter(dict(zip(chats, parcel.messages, strict=True))),
            dict(zip(chats, _each(parcel.last), strict=True)),
        )

    def _placed(self, jids: Iterable[str]) -> array[int]:
        return array("I", map(self._places.__getitem__, jids))


def _bytes(values: Sequence[bytes]) -> _Strings[bytes]:
    return _Strings(b"".join(values), _lengths(values))


def _lengths(values: Sequence[AnyStr]) -> array[int]:
    return array("I", map(len, values))


def _each(strings: _Strings[AnyStr]) -> list[AnyStr]:
    joined = strings.joined
    ends: list[int] = list(accumulate(strings.lengths))
    return [joined[begin:end] for begin, end in zip((0, *ends), ends, strict=False)]
