"""The bridges' webhooks: groups and one-to-one, edits, revokes, receipts, files and what they send of ours."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.deliveries import (
    EVOLUTION,
    FELIXISAAC,
    GOWA,
    GROUP,
    LID,
    NOON,
    PHONE,
    RFC_3339,
    SECONDS,
    SENDERS,
    VGP,
    WACLI,
    WAHA,
    WATI,
    Json,
    meta_body,
    meta_message,
)
from wamon.providers.deliveries import DIRECT, Alias, Broken, OperatorMessage, Parsed, PersonMessage, Receipt

BY_PHONE, BY_LID = Alias("phone", PHONE), Alias("lid", LID)
JID, OURS = f"{PHONE}@s.whatsapp.net", "27110000000@s.whatsapp.net"


def changed(body: Json, **inner: Json) -> Json:
    """The body with these fields of its parts."""
    made = deepcopy(body)
    for name, values in inner.items():
        made[name] |= values
    return made


def parse(name: str, body: Json) -> list[Parsed]:
    return SENDERS[name].parse(body)


@pytest.mark.parametrize("name", ["gowa", "waha"])
@pytest.mark.parametrize("event", [{}, {"payload": None}, {"payload": ["a"]}, {"payload": "a"}], ids=str)
def test_what_an_event_of_another_kind_holds_is_no_matter(name: str, event: Json) -> None:
    assert parse(name, {"event": "session.status", **event}) == []


ONE_TO_ONE = {
    "gowa": changed(GOWA, payload={"chat_id": JID}),
    "wacli": WACLI | {"Chat": JID},
    "vgp": VGP | {"chatJID": JID},
    "felixisaac": changed(FELIXISAAC, message={"chat_jid": JID}),
    "evolution": changed(EVOLUTION, data={"key": {"id": "3EB0AA", "remoteJid": JID, "fromMe": False}}),
    "waha": changed(WAHA, payload={"id": f"false_{PHONE}@c.us_3EB0AA", "from": f"{PHONE}@c.us", "participant": None}),
}
FROM_US = {
    "gowa": changed(GOWA, payload={"chat_id": JID, "from": OURS, "from_lid": None, "is_from_me": True}),
    "wacli": WACLI | {"Chat": JID, "SenderJID": OURS, "FromMe": True},
    "vgp": VGP | {"chatJID": JID, "sender": "27110000000", "isFromMe": True},
    "felixisaac": changed(FELIXISAAC, message={"chat_jid": JID, "sender": "27110000000", "is_from_me": True}),
    "evolution": changed(EVOLUTION, data={"key": {"id": "3EB0AA", "remoteJid": JID, "fromMe": True}})
    | {"event": "send.message"},
    "waha": changed(
        WAHA,
        payload={
            "id": f"true_{PHONE}@c.us_3EB0AA",
            "from": "27110000000@c.us",
            "to": f"{PHONE}@c.us",
            "participant": None,
            "fromMe": True,
        },
    ),
}


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_one_to_one_is_a_chat_of_its_own_with_the_person(name: str) -> None:
    [found] = parse(name, ONE_TO_ONE[name])
    assert isinstance(found, PersonMessage)
    assert (found.chat, found.aliases[0]) == (DIRECT, BY_PHONE)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (VGP | {"chatJID": f"{LID}@lid", "sender": LID}, (BY_LID,)),
        (VGP | {"chatJID": JID, "sender": PHONE}, (BY_PHONE,)),
        (WACLI | {"Chat": JID, "SenderJID": f"{LID}:3@lid"}, (BY_PHONE, BY_LID)),
        (changed(FELIXISAAC, message={"chat_jid": f"{LID}@lid", "sender": f"{LID}:7@lid"}), (BY_LID,)),
    ],
    ids=["bare LID", "bare phone", "both", "a device"],
)
def test_one_to_one_the_chat_says_of_which_kind_the_sender_is(body: Json, found: tuple[Alias, ...]) -> None:
    name = "vgp" if "chatJID" in body else "wacli" if "Chat" in body else "felixisaac"
    [message] = parse(name, body)
    assert isinstance(message, PersonMessage)
    assert message.aliases == found


@pytest.mark.parametrize("name", FROM_US)
def test_what_we_or_a_colleague_wrote_is_an_operators_to_that_person(name: str) -> None:
    [found] = parse(name, FROM_US[name])
    assert isinstance(found, OperatorMessage)
    assert (found.chat, found.aliases) == (DIRECT, (BY_PHONE,))
    assert found.message_id in {"3EB0AA", None}


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_what_we_wrote_into_a_group_is_to_nobody(name: str) -> None:
    body = deepcopy(SENDERS[name].message)
    names = {"is_from_me", "FromMe", "isFromMe", "fromMe"}
    for part in (body, *(value for value in body.values() if isinstance(value, dict))):
        part.update(dict.fromkeys(names & set(part), True))
    if name == "evolution":
        body["data"]["key"]["fromMe"] = True
    [found] = parse(name, body)
    assert isinstance(found, OperatorMessage)
    assert (found.chat, found.aliases) == (GROUP, ())


@pytest.mark.parametrize(
    "jid",
    [
        JID,
        f"{PHONE}:12@s.whatsapp.net",
        f"{PHONE}.0:3@s.whatsapp.net",
        f"{PHONE}:99@hosted",
        f"{PHONE}@c.us",
        PHONE,
        f"+{PHONE}",
    ],
)
def test_a_persons_devices_are_one_person(jid: str) -> None:
    [found] = parse("wacli", WACLI | {"SenderJID": jid})
    assert isinstance(found, PersonMessage)
    assert found.aliases == (BY_PHONE,)


@pytest.mark.parametrize("jid", [f"{LID}@lid", f"{LID}:12@lid", f"{LID}:99@hosted.lid"])
def test_a_lids_devices_are_one_person(jid: str) -> None:
    [found] = parse("wacli", WACLI | {"SenderJID": jid})
    assert isinstance(found, PersonMessage)
    assert found.aliases == (BY_LID,)


@pytest.mark.parametrize("jid", [GROUP, "status@broadcast", "0@s.whatsapp.net", "", None, 7, "27820000001@nowhere"])
def test_what_is_nobodys_id_is_no_person(jid: object) -> None:
    [found] = parse("wacli", WACLI | {"SenderJID": jid})
    assert isinstance(found, PersonMessage)
    assert found.aliases == ()


@pytest.mark.parametrize("jid", ["status@broadcast", "120363000000000001@newsletter"])
def test_what_is_said_to_everybody_is_no_one_to_one_message(jid: str) -> None:
    [found] = parse("wacli", WACLI | {"Chat": jid})
    assert isinstance(found, PersonMessage)
    assert found.chat == jid


def test_phone_and_lid_of_one_message_are_one_person() -> None:
    [found] = parse("gowa", GOWA)
    assert isinstance(found, PersonMessage)
    assert found.aliases == (BY_PHONE, BY_LID)


def gowa(event: str, **payload: Any) -> list[Parsed]:
    return parse("gowa", changed(GOWA, payload=payload) | {"event": event})


def test_gowas_edit_names_its_message_and_an_edited_caption_without_a_text_blanks_nothing() -> None:
    [found] = gowa("message.edited", id="3EB0BB", original_message_id="3EB0AA", body="DR1752034")
    assert isinstance(found, PersonMessage)
    assert (found.message_id, found.edits, found.text) == ("3EB0BB", "3EB0AA", "DR1752034")
    body = changed(GOWA, payload={"original_message_id": "3EB0AA"}) | {"event": "message.edited"}
    del body["payload"]["body"]
    assert parse("gowa", body) == []


def test_gowas_revoke_names_its_message() -> None:
    [found] = gowa("message.revoked", id="3EB0BB", revoked_message_id="3EB0AA", body=None)
    assert isinstance(found, PersonMessage)
    assert (found.revokes, found.text) == ("3EB0AA", "")


def test_gowas_receipts_name_several_messages() -> None:
    assert gowa("message.ack", id=None, ids=["A", "B"], receipt_type="read") == [
        Receipt("A", None, "read"),
        Receipt("B", None, "read"),
    ]
    assert gowa("message.ack", ids=["A"], receipt_type="sender") == []


@pytest.mark.parametrize(
    ("media", "part", "text"),
    [
        ({"image": {"path": "a.jpg", "caption": "DR1752028"}, "body": None}, "photo", "DR1752028"),
        ({"image": "a.jpg", "body": "DR1752028"}, "photo", "DR1752028"),
        ({"audio": "a.ogg", "body": ""}, "voice", ""),
        ({"document": {"path": "a.pdf"}, "body": None}, "file", ""),
    ],
)
def test_gowas_files_say_their_caption(media: Json, part: str, text: str) -> None:
    [found] = gowa("message", **media)
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == (part, text)


@pytest.mark.parametrize("payload", [{"contacts_array": [{"displayName": "T. One"}]}, {"location": {"name": "x"}}])
def test_gowas_message_without_words_is_no_text(payload: Json) -> None:
    [found] = gowa("message", **{"body": None, **payload})
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == ("other", "")


@pytest.mark.parametrize("payload", [{}, {"body": ""}])
def test_gowas_message_without_content_is_none_in_a_group_and_one_to_one_what_it_couldnt_fetch(payload: Json) -> None:
    assert gowa("message", **{"body": None, **payload}) == []
    [found] = gowa("message", **{"body": None, **payload, "chat_id": JID})
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == ("other", "")


FORMER = {
    "chat_id": GROUP.partition("@")[0],
    "from": f"{JID} in {GROUP}",
    "from_lid": f"{LID}@lid",
    "sender_id": PHONE,
    "pushname": "T. One",
    "timestamp": RFC_3339,
    "message": {"text": "DR1752028", "id": "3EB0AA", "replied_id": "", "quoted_message": ""},
}
"""As GOWA delivered it before version 8."""
FORMER_DIRECT = FORMER | {"chat_id": PHONE, "from": JID, "from_lid": None}


def test_gowas_former_deliveries_are_the_same_messages() -> None:
    assert parse("gowa", FORMER) == parse("gowa", GOWA)
    assert parse("gowa", FORMER_DIRECT) == parse(
        "gowa", changed(GOWA, payload={"chat_id": JID, "from": JID, "from_lid": None})
    )
    [ours] = parse("gowa", FORMER_DIRECT | {"sender_id": "27110000000", "from": OURS})
    assert isinstance(ours, OperatorMessage)
    assert (ours.chat, ours.aliases) == (DIRECT, (BY_PHONE,))


def test_gowas_former_photos_revokes_edits_and_reactions() -> None:
    blank = {"message": {"text": "", "id": "3EB0AA"}}
    [photo] = parse("gowa", FORMER | blank | {"image": {"media_path": "a.jpe", "caption": "DR1752028"}})
    [revoke] = parse("gowa", FORMER | {"action": "message_revoked", "revoked_message_id": "A"})
    assert isinstance(photo, PersonMessage)
    assert isinstance(revoke, PersonMessage)
    assert (photo.part, photo.text, revoke.revokes) == ("photo", "DR1752028", "A")
    assert parse("gowa", FORMER | {"action": "message_edited", "edited_text": "DR1752034"}) == []
    assert parse("gowa", FORMER | blank) == []
    assert parse("gowa", FORMER | blank | {"reaction": {"message": "\U0001f44d", "id": "A"}}) == []
    [broken] = parse("gowa", FORMER | {"message": "DR1752028"})
    assert isinstance(broken, Broken)


@pytest.mark.parametrize("kind", ["receipt", "chat_presence"])
def test_wacli_names_a_type_only_where_it_is_no_message(kind: str) -> None:
    assert parse("wacli", WACLI | {"EventType": kind}) == []


def test_waclis_receipts_name_several_messages_and_not_what_we_read_ourselves() -> None:
    receipt: Json = {"EventType": "receipt", "Chat": JID, "Sender": JID, "MessageIDs": ["A", "B"], "IsFromMe": False}
    assert parse("wacli", receipt | {"Type": "played"}) == [Receipt("A", None, "read"), Receipt("B", None, "read")]
    assert parse("wacli", receipt | {"Type": "delivered", "IsFromMe": True}) == []
    assert parse("wacli", receipt | {"Type": "sender"}) == []


@pytest.mark.parametrize("more", [{}, {"Poll": None, "PollVote": None, "Revoked": False, "ReactionToID": ""}])
def test_what_waclis_phones_tell_one_another_is_no_message(more: Json) -> None:
    """Such as that messages disappear from now on, or an edit that it couldn't read."""
    assert parse("wacli", WACLI | {"Text": "", "Media": None} | more) == []


def test_vgps_text_of_a_group_only_says_that_there_is_news_and_its_photo_has_an_id() -> None:
    vgp = SENDERS["vgp"]
    assert vgp.module.peek(vgp.delivery().body).only_rings
    assert not vgp.module.peek(vgp.delivery(VGP | {"chatJID": JID}).body).only_rings
    photo = VGP | {"messageId": "3EB0AA", "mediaType": "image"}
    assert not vgp.module.peek(vgp.delivery(photo).body).only_rings
    answering = {"quotedContent": "\U0001f44d" * 60_000} | photo
    assert not vgp.module.peek(vgp.delivery(answering).body).only_rings
    assert not vgp.module.peek(vgp.delivery({"mediaBase64": "A" * 2_000_000} | photo).body).only_rings
    [found] = vgp.parse(photo)
    assert isinstance(found, PersonMessage)
    assert (found.message_id, found.part) == ("3EB0AA", "photo")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"Revoked": True, "Text": ""}, {"revokes": "3EB0AA", "text": ""}),
        ({"Edited": True, "Text": "DR1752034"}, {"edits": "3EB0AA", "text": "DR1752034"}),
    ],
)
def test_waclis_edits_and_revokes_bear_the_id_of_their_message(body: Json, found: Json) -> None:
    [change] = parse("wacli", WACLI | body)
    assert isinstance(change, PersonMessage)
    assert (change.message_id, change.chat, change.aliases) == (None, GROUP, (BY_PHONE,))
    assert {name: getattr(change, name) for name in found} == found
    [direct] = parse("wacli", WACLI | body | {"Chat": OURS, "FromMe": True})
    assert isinstance(direct, PersonMessage)
    assert (direct.chat, direct.aliases) == ("direct", ())


def test_waclis_photo_is_one_and_a_name_is_shown() -> None:
    media = {"Type": "image", "Caption": "DR1752028", "FileLength": 7}
    [found] = parse("wacli", WACLI | {"Media": media, "PushName": "T. One"})
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text, found.name) == ("photo", "DR1752028", "T. One")


def test_felixisaac_calls_a_persons_number_a_name() -> None:
    [found] = parse("felixisaac", changed(FELIXISAAC, message={"sender_name": PHONE, "push_name": "T. One"}))
    assert isinstance(found, PersonMessage)
    assert found.name == "T. One"


REACTIONS = {
    "wacli": WACLI | {"Text": "", "ReactionToID": "3EB0AB", "ReactionEmoji": "\U0001f44d"},
    "wacli's vote": WACLI | {"Text": "Poll vote", "PollVote": {"PollMessageID": "3EB0AB"}},
    "wacli's option": WACLI | {"Text": "Poll option added", "PollAdd": {"PollMessageID": "3EB0AB"}},
    "vgp": VGP | {"eventType": "reaction", "mediaType": "reaction", "messageId": "A", "reactionToMessageId": "3EB0AB"},
    "felixisaac": changed(FELIXISAAC, message={"content": "[Reaction: \U0001f44d]"}),
    "waha's former one": changed(
        WAHA, payload={"body": None, "_data": {"message": {"reactionMessage": {"text": "+"}}}}
    ),
    "evolution's vote": changed(EVOLUTION, data={"message": {"pollUpdateMessage": {"vote": {"encPayload": "x"}}}}),
    "evolution": changed(EVOLUTION, data={"message": {"reactionMessage": {"text": "\U0001f44d"}}}),
    "wati": WATI | {"type": "reaction", "text": "\U0001f44d"},
    "meta": meta_body(meta_message(type="reaction", reaction={"message_id": "wamid.A", "emoji": "\U0001f44d"})),
}


@pytest.mark.parametrize("name", REACTIONS)
def test_a_reaction_is_known_as_one(name: str) -> None:
    [found] = parse(name.partition("'")[0], REACTIONS[name])
    assert isinstance(found, PersonMessage)
    assert found.is_reaction


def test_felixisaacs_attempts_are_one_message() -> None:
    again = FELIXISAAC | {"metadata": {"delivery_attempt": 2}}
    assert parse("felixisaac", FELIXISAAC) == parse("felixisaac", again)
    assert parse("felixisaac", FELIXISAAC | {"event_type": "test"}) == []


SAYS_A = {"ephemeralMessage": {"message": {"imageMessage": {"caption": "a"}}}}


def evolution(message: Json, **data: Any) -> list[Parsed]:
    return parse("evolution", changed(EVOLUTION, data={"message": message, **data}))


@pytest.mark.parametrize(
    ("message", "part", "text"),
    [
        ({"conversation": "DR1752028"}, "text", "DR1752028"),
        ({"extendedTextMessage": {"text": "DR1752028"}}, "text", "DR1752028"),
        ({"imageMessage": {"caption": "DR1752028", "jpegThumbnail": ""}}, "photo", "DR1752028"),
        ({"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "a"}}}}, "file", "a"),
        ({"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "a"}}}}, "text", "a"),
        ({"ephemeralMessage": {"message": {"viewOnceMessage": {"message": {"conversation": "a"}}}}}, "text", "a"),
        ({"groupMentionedMessage": {"message": {"extendedTextMessage": {"text": "a"}}}}, "text", "a"),
        ({"associatedChildMessage": {"message": {"imageMessage": {"caption": "a"}}}}, "photo", "a"),
        ({"wrapperOfTomorrow": {"message": {"conversation": "a"}}}, "text", "a"),
        ({"orderMessage": {"message": "a"}}, "other", ""),
        ({"audioMessage": {"seconds": 3}}, "voice", ""),
        ({"buttonsResponseMessage": {"selectedButtonId": "1", "selectedDisplayText": "a"}}, "text", "a"),
        ({"templateButtonReplyMessage": {"selectedId": "1", "selectedDisplayText": "a"}}, "text", "a"),
        ({"listResponseMessage": {"title": "a", "singleSelectReply": {"selectedRowId": "1"}}}, "text", "a"),
        ({"interactiveResponseMessage": {"body": {"text": "a"}}}, "text", "a"),
        ({"viewOnceMessage": {"message": {"interactiveMessage": {"body": {"text": "a"}}}}}, "text", "a"),
        ({"interactiveResponseMessage": {"nativeFlowResponseMessage": {"paramsJson": '{"n": "a"}'}}}, "text", "a"),
        ({"pollCreationMessageV3": {"name": "Which?", "options": [{"optionName": "a"}, {}, 7]}}, "text", "Which?\na"),
        ({"eventMessage": {"name": "a"}}, "text", "a"),
        ({"pollUpdateMessage": {"vote": {"encPayload": "x"}}}, "other", ""),
        ({"listMessage": {"title": "a", "description": "b"}}, "text", "b"),
        ({"ptvMessage": {"seconds": 3}}, "other", ""),
        ({"reactionMessage": {"text": "\U0001f44d"}}, "other", ""),
        ({}, "other", ""),
    ],
)  # fmt: skip
def test_evolutions_messages_say_their_text(message: Json, part: str, text: str) -> None:
    [found] = evolution(message)
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == (part, text)


@pytest.mark.parametrize(
    "message",
    [
        {"secretEncryptedMessage": {"targetMessageKey": {"id": "A"}}, "messageContextInfo": {}},
        {"ephemeralMessage": {"message": {"pinInChatMessage": {"key": {"id": "A"}}}}},
        {"albumMessage": {"expectedImageCount": 2}},
        {"callLogMesssage": {"callOutcome": 1}},
    ],
    ids=["an edit that can't be read", "a pin", "how many photos come", "a call"],
)
def test_what_is_only_told_of_a_message_says_nothing(message: Json) -> None:
    assert evolution(message) == []
    assert waha("message", body=None, _data={"message": message}) == []
    assert waha("message.any", body=None, _data={"Message": message}) == []


@pytest.mark.parametrize("kind", ["e2e_notification", "notification_template", "call_log", "album"])
def test_what_whatsapp_shows_between_messages_is_none_of_wahas(kind: str) -> None:
    assert waha("message", body="", _data={"type": kind}) == []
    assert len(waha("message", body="", _data={"type": "sticker"})) == 1


def test_a_chats_setting_is_no_message() -> None:
    setting = {"message": {"protocolMessage": {"type": "EPHEMERAL_SETTING"}}}
    assert waha("message", body=None, _data=setting) == []
    assert len(waha("message", body="what an edit says", _data=setting)) == 1
    assert evolution({"protocolMessage": {"type": "EPHEMERAL_SETTING", "ephemeralExpiration": 86_400}}) == []
    assert evolution({"statusMentionMessage": {"message": {"protocolMessage": {"type": 25}}}}) == []


def evolution_go(message: Json, event: str = "Message", **info: Any) -> list[Parsed]:
    """As Evolution Go delivers it, which has no headers."""
    whole = {
        "ID": "3EB0AA",
        "Chat": GROUP,
        "Sender": f"{LID}:7@lid",
        "SenderAlt": JID,
        "RecipientAlt": "",
        "IsFromMe": False,
        "PushName": "T. One",
        "Timestamp": RFC_3339,
    }
    return parse("evolution", {"event": event, "data": {"Info": whole | info, "Message": message}, "instanceName": "a"})


def test_evolution_gos_message_is_read_with_who_wrote_it_and_when() -> None:
    [found] = evolution_go({"extendedTextMessage": {"text": "DR1752028"}})
    assert found == PersonMessage("3EB0AA", GROUP, (BY_LID, BY_PHONE), NOON, "text", "DR1752028", "T. One")
    [direct] = evolution_go({"imageMessage": {"caption": "a"}}, Chat=f"{LID}@lid", Sender=f"{LID}@lid")
    assert isinstance(direct, PersonMessage)
    assert (direct.chat, direct.aliases, direct.part) == (DIRECT, (BY_LID, BY_PHONE), "photo")


@pytest.mark.parametrize("event", ["SendMessage", "Message"])
def test_what_we_wrote_by_evolution_go_or_a_phone_is_to_whom_it_is_written(event: str) -> None:
    ours: Json = {"Chat": f"{LID}@lid", "Sender": OURS, "IsFromMe": True, "SenderAlt": "", "RecipientAlt": JID}
    [found] = evolution_go({"conversation": "a"}, event, **ours)
    assert isinstance(found, OperatorMessage)
    assert found.aliases == (BY_LID, BY_PHONE)


def test_evolution_gos_edits_and_revokes_name_their_message_and_its_votes_wait_for_no_answer() -> None:
    key = {"remoteJID": GROUP, "ID": "A", "fromMe": True}
    [edit] = evolution_go({"protocolMessage": {"key": key, "type": 14, "editedMessage": {"conversation": "a"}}})
    [revoke] = evolution_go({"protocolMessage": {"key": key, "type": 0}})
    [vote] = evolution_go({"pollUpdateMessage": {"pollCreationMessageKey": key}})
    assert isinstance(edit, PersonMessage)
    assert isinstance(revoke, PersonMessage)
    assert isinstance(vote, PersonMessage)
    assert (edit.edits, edit.text, revoke.revokes, vote.is_reaction) == ("A", "a", "A", True)


def test_evolution_gos_receipts_name_several_messages_and_not_what_we_read_ourselves() -> None:
    receipt: Json = {"event": "Receipt", "state": "Read", "data": {"MessageIDs": ["A", "B"], "IsFromMe": False}}
    assert parse("evolution", receipt) == [Receipt("A", None, "read"), Receipt("B", None, "read")]
    assert parse("evolution", changed(receipt, data={"IsFromMe": True})) == []
    assert parse("evolution", receipt | {"state": "ReadSelf"}) == []
    assert parse("evolution", {"event": "Presence", "data": {"From": JID}}) == []


def test_evolutions_time_is_the_messages_and_not_the_one_that_only_looks_like_utc() -> None:
    [found] = parse("evolution", EVOLUTION)
    assert isinstance(found, PersonMessage)
    assert found.sent_at == NOON


HALVES = {"low": SECONDS, "high": 0, "unsigned": True}


def test_evolutions_time_of_an_edit_may_come_in_halves_that_both_count() -> None:
    """In milliseconds, of which the lower half may be below 0."""
    ms = SECONDS * 1000
    low = ms % 2**32 - (2**32 if ms % 2**32 >= 2**31 else 0)
    data = {"key": {"remoteJid": GROUP, "id": "A"}, "type": 14, "editedMessage": {"conversation": "a"}}
    data["timestampMs"] = {"low": low, "high": ms >> 32, "unsigned": False}
    [edit] = parse("evolution", EVOLUTION | {"event": "messages.edited", "data": data})
    assert isinstance(edit, PersonMessage)
    assert edit.sent_at == NOON


@pytest.mark.parametrize("given", [str(SECONDS), HALVES], ids=["text", "halves"])
def test_evolutions_time_may_come_as_a_text_or_as_the_halves_of_64_bits(given: object) -> None:
    [found] = evolution({"conversation": "x"}, messageTimestamp=given)
    assert isinstance(found, PersonMessage)
    assert found.sent_at == NOON


def test_evolutions_edits_and_revokes_name_their_message() -> None:
    edited = {"editedMessage": {"conversation": "DR1752034"}, "key": {"id": "A"}, "type": 14}
    [edit] = evolution({"protocolMessage": edited})
    assert [edit] == evolution({"editedMessage": {"message": {"protocolMessage": edited}}})
    [revoke] = evolution({"protocolMessage": {"key": {"id": "A"}, "type": "REVOKE"}})
    assert isinstance(edit, PersonMessage)
    assert isinstance(revoke, PersonMessage)
    assert (edit.edits, edit.text, revoke.revokes) == ("A", "DR1752034", "A")


@pytest.mark.parametrize(
    ("event", "data", "found"),
    [
        ("messages.edited", {"type": "MESSAGE_EDIT", "editedMessage": SAYS_A}, {"edits": "A", "text": "a"}),
        ("messages.edited", {"type": 14, "editedMessage": SAYS_A}, {"edits": "A", "text": "a"}),
        ("messages.edited", {"type": "REVOKE"}, {"revokes": "A", "text": ""}),
        ("messages.edited", {"type": 0}, {"revokes": "A", "text": ""}),
        ("messages.delete", {"id": "a row of its own", "status": "DELETED"}, {"revokes": "A", "text": ""}),
    ],
)  # fmt: skip
def test_evolutions_own_events_of_edits_and_revokes_name_the_message_alone(event: str, data: Json, found: Json) -> None:
    key = {"remoteJid": GROUP, "fromMe": True, "id": "A", "participant": JID}
    [change] = parse(
        "evolution", EVOLUTION | {"event": event, "data": data | {"key": key, "timestampMs": f"{SECONDS}000"}}
    )
    assert isinstance(change, PersonMessage)
    assert (change.message_id, change.chat, change.aliases) == (None, GROUP, (BY_PHONE,))
    assert {name: getattr(change, name) for name in found} == found


def test_evolutions_change_of_a_one_to_one_message_names_nobody() -> None:
    """Its key is as the sender's phone has it: there, the chat is we."""
    [bare] = parse("evolution", EVOLUTION | {"event": "messages.delete", "data": {"remoteJid": JID, "id": "A"}})
    assert isinstance(bare, PersonMessage)
    assert (bare.chat, bare.aliases, bare.revokes) == ("direct", (), "A")
    setting = {"key": {"remoteJid": JID, "id": "A"}, "type": "EPHEMERAL_SETTING"}
    assert parse("evolution", EVOLUTION | {"event": "messages.edited", "data": setting}) == []


def test_evolutions_edit_of_what_it_sent_itself_is_an_operators() -> None:
    key = {"remoteJid": JID, "fromMe": True, "id": "A"}
    data = {"key": key, "type": 14, "editedMessage": SAYS_A, "timestampMs": f"{SECONDS}000"}
    [edit] = parse("evolution", EVOLUTION | {"event": "send.message.update", "data": data})
    assert edit == OperatorMessage(None, DIRECT, (BY_PHONE,), NOON, "photo", "a", edits="A")


def test_evolutions_list_of_messages_and_its_receipts() -> None:
    both = EVOLUTION | {"event": "MESSAGES_UPSERT", "data": [EVOLUTION["data"], EVOLUTION["data"]]}
    assert len(parse("evolution", both)) == 2
    receipt = {"event": "messages.update", "data": {"keyId": "A", "fromMe": True, "status": "DELIVERY_ACK"}}
    assert parse("evolution", receipt) == [Receipt("A", None, "delivered")]


def waha(event: str, **payload: Any) -> list[Parsed]:
    return parse("waha", changed(WAHA, payload=payload) | {"event": event})


def test_wahas_id_is_the_stanzas_within_it() -> None:
    for given in (f"false_{GROUP}_3EB0AA_{PHONE}@c.us", f"true_{GROUP}_3EB0AA", "3EB0AA"):
        [found] = waha("message.any", id=given)
        assert isinstance(found, PersonMessage)
        assert found.message_id == "3EB0AA"


def test_wahas_edits_revokes_files_and_receipts() -> None:
    [edit] = waha("message.edited", editedMessageId="false_x@c.us_A", body="DR1752034")
    [revoke] = waha("message.revoked", revokedMessageId="false_x@c.us_A", body="")
    [photo] = waha("message", hasMedia=True, media={"mimetype": "image/jpeg"})
    assert isinstance(edit, PersonMessage)
    assert isinstance(revoke, PersonMessage)
    assert isinstance(photo, PersonMessage)
    assert (edit.edits, edit.text, revoke.revokes, photo.part) == ("A", "DR1752034", "A", "photo")
    assert waha("message.ack", id="true_x@c.us_A", ackName="READ") == [Receipt("A", None, "read")]


ALT = f"{PHONE}:3@s.whatsapp.net"
ENGINES = {
    "WEBJS": {"id": {"id": "3EB0AA"}, "type": "chat", "notifyName": "T. One"},
    "NOWEB": {"key": {"remoteJidAlt": ALT, "participantAlt": ALT}, "pushName": "T. One"},
    "an older NOWEB": {"key": {"senderPn": ALT, "participantPn": ALT}, "pushName": "T. One"},
    "GOWS": {"Info": {"SenderAlt": ALT, "RecipientAlt": "", "PushName": "T. One"}},
}
"""What each engine of WAHA's hands on as `_data`: by whom, where the event itself names a LID."""


@pytest.mark.parametrize(
    ("id_", "author"),
    [
        (f"false_{GROUP}_3EB0AA_{PHONE}@c.us", None),
        (f"false_{GROUP}_3EB0AA", f"{PHONE}@c.us"),
        (f"false_{GROUP}_3EB0AA", {"server": "c.us", "user": PHONE, "_serialized": f"{PHONE}@c.us"}),
    ],
)
def test_wahas_engine_webjs_names_who_of_a_group_wrote_without_a_participant(id_: str, author: object) -> None:
    [found] = waha("message", id=id_, participant=None, _data={"type": "chat", "author": author})
    assert isinstance(found, PersonMessage)
    assert (found.chat, found.message_id, found.aliases) == (GROUP, "3EB0AA", (BY_PHONE,))


@pytest.mark.parametrize("engine", ENGINES)
def test_wahas_engines_name_the_person_behind_a_lid(engine: str) -> None:
    member = {"id": f"false_{GROUP}_3EB0AA_{LID}@lid", "participant": f"{LID}@lid", "to": f"{LID}@lid"}
    direct = {"id": f"false_{LID}@lid_3EB0AA", "from": f"{LID}@lid", "participant": None, "to": None}
    for payload in (member, direct):
        [found] = waha("message", **payload, _data=ENGINES[engine])
        assert isinstance(found, PersonMessage)
        assert found.aliases == ((BY_LID,) if engine == "WEBJS" else (BY_LID, BY_PHONE))
        assert found.name == "T. One"


@pytest.mark.parametrize(
    "payload",
    [
        {"from": "27110000000@c.us", "to": f"{PHONE}@c.us"},
        {"from": f"{PHONE}@c.us", "to": None},
        {"from": f"{PHONE}@c.us"},
        {"from": "27110000000@c.us", "to": f"{PHONE}@c.us", "source": "api", "ack": 1},
        {"id": "3EB0AA", "from": "27110000000@c.us", "to": f"{PHONE}@c.us"},
    ],
    ids=["WEBJS", "GOWS", "NOWEB", "by its API", "under the stanza's id alone"],
)
def test_what_waha_tells_of_ours_is_to_whom_its_id_names(payload: Json) -> None:
    ours = {"id": f"true_{PHONE}@c.us_3EB0AA", "participant": None, "fromMe": True}
    [found] = waha("message.any", **ours | payload)
    assert isinstance(found, OperatorMessage)
    assert (found.message_id, found.chat, found.aliases) == ("3EB0AA", DIRECT, (BY_PHONE,))


def test_waha_names_the_phone_of_a_lid_to_whom_we_wrote_and_not_our_own() -> None:
    data = {"Info": {"SenderAlt": OURS, "RecipientAlt": JID}}
    ours = {"id": f"true_{LID}@lid_3EB0AA", "from": f"{LID}@lid", "to": None, "participant": None, "fromMe": True}
    [found] = waha("message.any", **ours, _data=data)
    assert isinstance(found, OperatorMessage)
    assert found.aliases == (BY_LID, BY_PHONE)


@pytest.mark.parametrize("jid", ["status@broadcast", "120363000000000001@newsletter"])
def test_what_waha_tells_of_what_is_said_to_everybody_is_in_that_chat(jid: str) -> None:
    [found] = waha("message", **{"id": f"false_{jid}_3EB0AA_{PHONE}@c.us", "from": jid})
    assert isinstance(found, PersonMessage)
    assert found.chat == jid


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        ({"_data": {"type": "image"}}, "photo"),
        ({"_data": {"type": "ptt"}}, "voice"),
        ({"_data": {"message": {"imageMessage": {}, "messageContextInfo": {}}}}, "photo"),
        ({"_data": {"message": {"viewOnceMessageV2": {"message": {"videoMessage": {}}}}}}, "file"),
        ({"_data": {"Message": {"documentWithCaptionMessage": {"message": {"documentMessage": {}}}}}}, "file"),
        ({"_data": {"Message": {"audioMessage": {}}}}, "voice"),
        ({"_data": {"Message": {"stickerMessage": {}}}, "media": {"mimetype": "image/webp"}}, "other"),
        ({"media": {"mimetype": "audio/ogg; codecs=opus"}}, "voice"),
        ({"media": {"mimetype": "application/pdf"}}, "file"),
        ({"_data": {"type": ["image"], "message": 7}}, "file"),
        ({}, "file"),
    ],
)
def test_wahas_file_is_what_its_engine_was_told_though_it_was_not_fetched(payload: Json, part: str) -> None:
    [found] = waha("message", hasMedia=True, body="DR1752028", **{"media": None, **payload})
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == (part, "DR1752028")


def test_what_waha_tells_without_words_or_a_file_is_no_text() -> None:
    [found] = waha("message", body=None, location={"latitude": "-26.1"}, vCards=None)
    assert isinstance(found, PersonMessage)
    assert (found.part, found.text) == ("other", "")


BEFORE = WAHA["payload"] | {"id": f"false_{GROUP}_A_{PHONE}@c.us"}


@pytest.mark.parametrize(
    "payload",
    [
        {"after": WAHA["payload"], "before": None, "revokedMessageId": "A"},
        {"after": WAHA["payload"], "before": BEFORE},
        {"after": None, "before": BEFORE},
        {"after": WAHA["payload"] | {"_data": {"protocolMessageKey": {"id": "A"}}}, "before": None},
        {"after": BEFORE, "before": None},
    ],
    ids=["by its id", "as it was", "as it was alone", "by its key", "under its own id"],
)
def test_waha_tells_in_several_ways_what_was_taken_back(payload: Json) -> None:
    [revoke] = parse("waha", WAHA | {"event": "message.revoked", "payload": payload})
    assert isinstance(revoke, PersonMessage)
    assert (revoke.chat, revoke.revokes) == (GROUP, "A")


def test_wahas_edit_without_the_id_of_its_message_bears_it_itself() -> None:
    [edit] = waha("message.edited", body="DR1752034")
    assert isinstance(edit, PersonMessage)
    assert (edit.edits, edit.text) == ("3EB0AA", "DR1752034")
