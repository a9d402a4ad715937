"""What a delivery holds, as the ledger has it; and which aliases are one person's."""

from __future__ import annotations

import pytest

from tests.support.deliveries import wamid
from wamon.providers.deliveries import DIRECT, Alias, Broken, Parsed, PersonMessage, Receipt
from wamon.providers.wamids import stanza_id
from wamon.webhooks.messages import of_numbers, sender_of
from wamon.webhooks.people import merged

PHONE, LID, BSUID = Alias("phone", "27820000001"), Alias("lid", "99000000000001"), Alias("bsuid", "ZA.19f3k2")
OTHER = Alias("phone", "27820000002")
STANZA = "3EB0AABBCCDDEEFF0011"


@pytest.mark.parametrize(
    ("message_id", "found"),
    [
        (wamid(STANZA), STANZA),
        ("wamid.QUJD", None),
        ("wamid.!", None),
        ("wamid.", None),
        ("3EB0AA", None),
    ],
)
def test_a_wamid_tells_the_id_that_a_bridge_on_the_same_phone_has(message_id: str, found: str | None) -> None:
    assert stanza_id(message_id) == found


def test_a_sender_is_named_by_the_id_that_is_known_best() -> None:
    assert sender_of((BSUID, LID, PHONE)) == "27820000001"
    assert sender_of((BSUID, LID)) == "99000000000001@lid"
    assert sender_of((BSUID,)) == "ZA.19f3k2"
    assert sender_of(()) == ""


def test_aliases_that_come_together_are_one_person_s_over_any_number_of_deliveries() -> None:
    together = merged([(PHONE,), (LID, BSUID), (OTHER,), (), (PHONE, LID)])
    assert sorted(map(set, together), key=len) == [{OTHER}, {PHONE, LID, BSUID}]


def test_a_message_to_another_of_our_numbers_than_the_hooks_is_broken_and_its_neighbours_are_not() -> None:
    def to(line: str | None) -> PersonMessage:
        return PersonMessage(f"to {line}", DIRECT, (), None, "text", "", line=line)

    receipt = Receipt("A", None, "read")
    parts: list[Parsed] = [to("900222"), to("900333"), to(None), receipt]
    ours = list(of_numbers(parts, ["900222"]))
    assert [ours[0], *ours[2:]] == [parts[0], *parts[2:]]
    assert ours[1] == Broken(1, "it came to a number of ours that the hook's `numbers` don't name")
    assert list(of_numbers(parts, ["900333", "900222"])) == list(of_numbers(parts, [])) == parts
