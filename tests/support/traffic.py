"""Seeded traffic as technicians make it and bridges spoil it.

The same seeds, of the traffic and of the bridge, on the same kind of bridge give the same store.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, SAST, VELO_TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tests.support.bridges import Key, Renumbering, SenderForm
    from tests.support.truth import Field

GROUPS = (LAWLEY, VELO_TEST, MOHADIN, MAMELODI)
OTHER_CHATS = ("120363000000000001@g.us", "27820000077@s.whatsapp.net", "100000000000077@lid")
TECHNICIANS = tuple(f"278200001{n:02}" for n in range(40))

FULL_WIDTH = str.maketrans("0123456789DRdr", "０１２３４５６７８９ＤＲｄｒ")  # noqa: RUF001  # the point of it
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
ZERO_WIDTH = "\u200b"
LONG = 60_000
PAGE = 1000
"""Posts to a commit while history is loaded."""

SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda n: f"DR{n}",
    lambda n: f"DR{n} done",
    lambda n: f"dr {n} done",
    lambda n: f"*DR-{n}*",
    lambda n: f"_Dr#{n}_",
    lambda n: f"DR \u2013 {n}",
    lambda n: f"DR\u2011{n}",
    lambda n: f"~DR{n}~ ignore the line, it is done",
    lambda n: f"```DR{n}```",
    lambda n: f"Dr: {n}",
    lambda n: f"dR. {n}.",
    lambda n: f"drop number (DR{n})",
    lambda n: f"DR\u00a0{n}",
    lambda n: f"DR{n}".translate(FULL_WIDTH),
    lambda n: f"DR{n}".translate(ARABIC),
    lambda n: f"DR{n[:3]}{ZERO_WIDTH}{n[3:]}",
    lambda n: f"\u2067DR{n}\u2069",
    lambda n: f"D\u00adR{n[:2]}\ufeff{n[2:]}",
    lambda n: f"Sawubona, DR{n} siqedile 👷🏾",
    lambda n: f"Môre, DR{n} is klaar, krag is aan 👍",
    lambda n: f"Good morning team\nDR{n}\nPower -18.4 dBm\nONT ALCLB1234567F",
)
"""Each says exactly one number."""

CHATTER = (
    "Good morning team",
    "👍🏾",
    "🙏🙏🙏",
    "Sawubona bafethu, sikhona e-site",
    "Ngicela usizo, i-ladder ayikho",
    "Goeiemôre manne, ons is op pad",
    "Die kabel is te kort, bel asseblief",
    "drive 1752 km",
    "Splicing at pole P.B123, 20 min",
    "Who has the OTDR?",
    "load shedding till 14:30",
    "-18.4 dBm",
    "Stand 1752, gate locked",
    "https://maps.app.goo.gl/x1752028y",
    "ok",
    "Dr Nkosi asks for a call",
)

NEAR_MISSES: tuple[Callable[[str], str], ...] = (
    lambda n: f"DR{n[:4]}",
    lambda n: f"DR{n[:5]}",
    lambda n: f"DR{n}99999"[:13],
    lambda n: f"ADDR{n}X",
    lambda n: f"1DR{n}",
    lambda n: f"DR{n}B",
    lambda n: f"DDR{n}",
    lambda n: f"D{n}",
    lambda n: f"DR\n{n}",
    lambda n: f"DR - - {n}",
    lambda n: f"DRI{n[1:]}",
    lambda n: f"DR{n[:3]}Z{n[4:]}",
    lambda n: f"DR {n[:3]} {n[3:]}",
    lambda n: f"Dr 2782000{n[-4:]}",
    lambda n: f"drop {n}",
)
"""None of them says a number."""

FORMS: tuple[SenderForm, ...] = ("bare", "full", "lid", "full-lid", "group")


class Saying(NamedTuple):
    kind: str
    text: str
    media: str = ""


def number(rng: Random) -> str:
    """Mostly seven digits, out of few enough that drops are posted again; now and then six or eight."""
    if rng.random() < 0.05:
        return str(rng.choice((175_028, 17_520_280)) + rng.randrange(1000))
    return str(1_750_000 + rng.randrange(10_000))


def several(rng: Random) -> str:
    joint = rng.choice((", ", " & ", "/", "\n", " ", "; "))
    return joint.join(rng.choice(("DR", "dr", "Dr ")) + number(rng) for _ in range(rng.randint(2, 6)))


def long_body(rng: Random) -> str:
    """60 KB with numbers at its beginning, in its middle and at its end."""
    filling = ("Progress report: trenching, poles, splicing. " * (LONG // 88 + 1))[: LONG // 2]
    return f"DR{number(rng)}. {filling} DR{number(rng)} {filling} DR{number(rng)}"


def saying(rng: Random) -> Saying:
    """What one technician says next."""
    draw = rng.random()
    if draw < 0.45:
        return Saying("spelling", rng.choice(SPELLINGS)(number(rng)))
    if draw < 0.53:
        return Saying("several", several(rng))
    if draw < 0.74:
        return Saying("chatter", rng.choice(CHATTER))
    if draw < 0.82:
        return Saying("near miss", rng.choice(NEAR_MISSES)(number(rng)))
    if draw < 0.94:
        return Saying("photo", "", rng.choice(("image", "image", "image", "video")))
    return Saying("caption", rng.choice(SPELLINGS)(number(rng)), "image")


def write_traffic(
    field: Field, count: int, seed: int = 0, jids: Sequence[str] = GROUPS, hazards: bool = True, *, live: bool = False
) -> Counter[str]:
    """Post `count` messages to those chats, among all that happens to a store; returns how often what was done.

    Usually as history: in large commits, of which only the end counts as seen. With `live` each write commits as the
    bridge's own, and the truth takes each for seen if it is `watched`.
    """
    traffic = _Traffic(field, Random(seed), jids, count)
    with nullcontext() if live else field.truth.unwatched():
        for start in range(0, count, PAGE):
            with nullcontext() if live else field.batch():
                traffic.write(range(start, min(start + PAGE, count)), hazards=hazards)
            if hazards and start // PAGE % 4 == 3:
                # A reader may be in the store, so that its file can't be exchanged while it is live.
                traffic.renumber("update" if live else traffic.rng.choice(("reload", "update", "shuffle")))
    return traffic.done


class _Traffic:
    def __init__(self, field: Field, rng: Random, jids: Sequence[str], count: int) -> None:
        self.field = field
        self.rng = rng
        self.jids = jids
        self.count = count
        self.done: Counter[str] = Counter()
        self._posted: list[Key] = []
        self._at = field.bridge.now
        self._ties = 0

    def write(self, places: range, *, hazards: bool) -> None:
        for place in places:
            self._tick()
            self._post(place, self._at)
            if hazards:
                self._change_zone(place)
                self._hazard()

    def renumber(self, how: Renumbering) -> None:
        self.field.renumber(how)
        self.done[f"renumber {how}"] += 1

    def _tick(self) -> None:
        """Time goes on in whole seconds: often not at all, now and then for 30 messages on end."""
        if self._ties:
            self._ties -= 1
            self.done["tie"] += 1
        elif self.rng.random() < 0.003:
            self._ties = 30
        else:
            self._at += timedelta(seconds=self.rng.choice((0, 0, 0, 1, 2, 5, 11, 40)))

    def _post(self, place: int, at: datetime) -> None:
        said = Saying("long", long_body(self.rng)) if place % 1500 == 700 else saying(self.rng)
        quoted = self.rng.choice(self._posted).message_id if self._posted and self.rng.random() < 0.05 else ""
        self._say(self.rng.choice(self.jids), said, at, quoted=quoted, from_me=self.rng.random() < 0.01)

    def _say(self, chat: str, said: Saying, at: datetime, *, quoted: str = "", from_me: bool = False) -> None:
        message_id = self.field.post(
            chat,
            said.text,
            sender=self.rng.choice(TECHNICIANS),
            at=at,
            media=said.media,
            from_me=from_me,
            quoted=quoted,
        )
        self._posted.append(self.field.bridge.key(message_id))
        self.done[said.kind] += 1
        self.done["quote"] += bool(quoted)
        self.done["from me"] += from_me

    def _change_zone(self, place: int) -> None:
        """The host is set to UTC for the second third of the time."""
        if place == self.count // 3:
            self.field.bridge.zone = UTC
            self.done["zone"] += 1
        elif place == 2 * self.count // 3:
            self.field.bridge.zone = SAST
            self.done["zone"] += 1

    def _hazard(self) -> None:
        draw = self.rng.random()
        for share, happen in self._hazards:
            if draw < share:
                happen()
                return
            draw -= share

    @property
    def _hazards(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        return (
            (0.05, self._other_chat),
            (0.02, self._late),
            (0.015, self._redeliver),
            (0.015, self._edit),
            (0.003, self._blank),
            (0.003, self._revoke),
            (0.002, self._delete_top),
        )

    def _other_chat(self) -> None:
        self._say(self.rng.choice(OTHER_CHATS), saying(self.rng), self._at)
        self.done["other chat"] += 1

    def _late(self) -> None:
        before = timedelta(seconds=self.rng.randrange(60, 5 * 86_400))
        self._say(self.rng.choice(self.jids), saying(self.rng), self._at - before)
        self.done["late"] += 1

    def _redeliver(self) -> None:
        key = self.rng.choice(self._posted)
        self.field.redeliver(key.message_id, chat=key.chat, sender_form=self.rng.choice(FORMS))
        self.done["redeliver"] += 1

    def _edit(self) -> None:
        if key := self._standing():
            before = self.field.bridge.sent[key].text
            kind, text = self._edited(before)
            self.field.edit(key.message_id, text, chat=key.chat)
            self.done[f"edit {kind}"] += 1

    def _edited(self, before: str) -> tuple[str, str]:
        match self.rng.randrange(4):
            case 0:
                return "adds", f"{before} DR{number(self.rng)}"
            case 1:
                return "takes away", "sorry, wrong group"
            case 2:
                return "replaces", f"DR{number(self.rng)}"
            case _:
                return "adds a remark", f"{before} 👍"

    def _blank(self) -> None:
        if key := self._standing():
            self.field.blank(key.message_id, chat=key.chat)
            self.done["blank"] += 1

    def _revoke(self) -> None:
        if key := self._standing():
            self.field.revoke(key.message_id, chat=key.chat)
            self.done["revoke"] += 1

    def _delete_top(self) -> None:
        self.done["deleted"] += len(self.field.delete_top(self.rng.randint(1, 3)))

    def _standing(self) -> Key | None:
        """One of the messages of lately, if the store still has it."""
        key = self.rng.choice(self._posted[-2000:])
        return None if self.field.bridge.text(key.message_id, chat=key.chat) is None else key
