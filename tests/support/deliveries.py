"""What the nine senders of webhooks post: one good delivery of each, and its proof."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from tests.support.clock import first_morning
from wamon.providers import evolution, felixisaac, gowa, manychat, meta, vgp, wacli, waha, wati
from wamon.providers.deliveries import Delivery, Parsed

SECRET = "a-secret-of-the-hook"
NOON = first_morning().replace(hour=12)
SECONDS = int(NOON.timestamp())
RFC_3339 = NOON.isoformat().replace("+00:00", "Z")
PHONE, LID, BSUID = "27820000001", "99000000000001", "ZA.19f3k2"
GROUP = "120363000000000001@g.us"

Json = dict[str, Any]


def signature(body: bytes, secret: str = SECRET, digest: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, digest).hexdigest()


def token(secret: str = SECRET, seconds: float = SECONDS, algorithm: str = "HS256") -> str:
    """A JSON web token."""
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "typ": "JWT"}, {"iat": seconds})]
    signing = ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    made = hmac.digest(secret.encode(), signing.encode(), "sha256")
    return f"{signing}.{urlsafe_b64encode(made).decode().rstrip('=')}"


def wamid(stanza_id: str) -> str:
    """Meta's id of a message that has this one on the phone."""
    inner = b"\x1c\x18\x0b27820000001\x15\x02\0\x12\x18" + bytes([len(stanza_id)]) + stanza_id.encode() + b"\0"
    return f"wamid.{b64encode(inner).decode()}"


@dataclass(frozen=True)
class Sender:
    """One provider: its module, a delivery of `DR1752028` by a person, and what proves a body."""

    module: ModuleType
    message: Json
    proof: Callable[[bytes], Mapping[str, str]]

    def delivery(self, body: Json | bytes | None = None, **proof: Any) -> Delivery:
        """A proven delivery of this body, or with another proof."""
        raw = body if isinstance(body, bytes) else json.dumps(self.message if body is None else body).encode()
        given = {"headers": {}, "query": {}, "suffix": ""} | (proof or {"headers": self.proof(raw)})
        if not proof and "secret" in given["headers"]:
            given = {"headers": {}, "query": given["headers"], "suffix": ""}
        return Delivery(**given, body=raw, received_at=NOON)

    def parse(self, body: Json | bytes | None = None) -> list[Parsed]:
        found: list[Parsed] = self.module.parse(self.delivery(body))
        return found


def meta_message(**changes: Any) -> Json:
    return {
        "from": PHONE,
        "from_user_id": BSUID,
        "id": "wamid.QUJD",
        "timestamp": str(SECONDS),
        "type": "text",
        "text": {"body": "DR1752028"},
    } | changes


def meta_body(*messages: Json, field: str = "messages", **value: Any) -> Json:
    """One change of one of our numbers."""
    whole = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "27110000000", "phone_number_id": "900222"},
        "contacts": [{"profile": {"name": "T. One"}, "wa_id": PHONE, "user_id": BSUID}],
        "messages": list(messages),
    }
    change = {"field": field, "value": whole | value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "900111", "changes": [change]}]}


WATI: Json = {
    "eventType": "message",
    "id": "6701aa",
    "whatsappMessageId": "wamid.QUJD",
    "created": f"{RFC_3339[:-1]}.1234567Z",
    "timestamp": str(SECONDS),
    "type": "text",
    "text": "DR1752028",
    "data": None,
    "owner": False,
    "statusString": "SENT",
    "waId": PHONE,
    "senderName": "T. One",
    "operatorName": "Desk",
    "operatorEmail": "desk@example.org",
    "listReply": None,
    "buttonReply": None,
    "sourceType": 0,
    "channelPhoneNumber": "27110000000",
}
MANYCHAT: Json = {
    "id": "1500001",
    "page_id": "77",
    "name": "T. One",
    "last_input_text": "DR1752028",
    "last_interaction": None,
    "ig_last_interaction": None,
    "whatsapp_phone": f"+{PHONE}",
    "whatsapp_bsuid": None,
    "ig_id": None,
    "custom_fields": {},
}
GOWA: Json = {
    "event": "message",
    "device_id": "27110000000@s.whatsapp.net",
    "payload": {
        "id": "3EB0AA",
        "chat_id": GROUP,
        "from": f"{PHONE}@s.whatsapp.net",
        "from_lid": f"{LID}@lid",
        "from_name": "T. One",
        "timestamp": RFC_3339,
        "is_from_me": False,
        "body": "DR1752028",
    },
}
WACLI: Json = {
    "Chat": GROUP,
    "ID": "3EB0AA",
    "SenderJID": f"{PHONE}@s.whatsapp.net",
    "Timestamp": RFC_3339,
    "FromMe": False,
    "Text": "DR1752028",
    "ChatName": "G",
}
VGP: Json = {"sender": PHONE, "content": "DR1752028", "chatJID": GROUP, "isFromMe": False}
FELIXISAAC: Json = {
    "event_type": "message_received",
    "timestamp": RFC_3339,
    "message": {
        "id": "3EB0AA",
        "chat_jid": GROUP,
        "sender": PHONE,
        "content": "DR1752028",
        "timestamp": RFC_3339,
        "is_from_me": False,
    },
    "metadata": {"delivery_attempt": 1},
}
EVOLUTION: Json = {
    "event": "messages.upsert",
    "instance": "a",
    "data": {
        "key": {"id": "3EB0AA", "remoteJid": GROUP, "fromMe": False, "participant": f"{PHONE}@s.whatsapp.net"},
        "pushName": "T. One",
        "message": {"conversation": "DR1752028"},
        "messageType": "conversation",
        "messageTimestamp": SECONDS,
    },
    "date_time": (NOON + timedelta(hours=2)).isoformat().replace("+00:00", "Z"),
    "apikey": None,
}
WAHA: Json = {
    "event": "message",
    "session": "default",
    "payload": {
        "id": f"false_{GROUP}_3EB0AA_{PHONE}@c.us",
        "timestamp": SECONDS,
        "from": GROUP,
        "participant": f"{PHONE}@c.us",
        "fromMe": False,
        "body": "DR1752028",
        "hasMedia": False,
    },
}

SENDERS: Mapping[str, Sender] = {
    "meta": Sender(meta, meta_body(meta_message()), lambda body: {"x-hub-signature-256": f"sha256={signature(body)}"}),
    "wati": Sender(wati, WATI, lambda _: {"secret": SECRET}),
    "manychat": Sender(manychat, MANYCHAT, lambda _: {"authorization": f"Bearer {SECRET}"}),
    "gowa": Sender(gowa, GOWA, lambda body: {"x-hub-signature-256": f"sha256={signature(body)}"}),
    "wacli": Sender(wacli, WACLI, lambda body: {"x-wacli-signature": f"sha256={signature(body)}"}),
    "vgp": Sender(vgp, VGP, lambda _: {"x-bridge-token": SECRET}),
    "felixisaac": Sender(felixisaac, FELIXISAAC, lambda body: {"x-webhook-signature": f"sha256={signature(body)}"}),
    "evolution": Sender(evolution, EVOLUTION, lambda _: {"authorization": f"Bearer {token()}"}),
    "waha": Sender(waha, WAHA, lambda body: {"x-webhook-hmac": signature(body, digest="sha512")}),
}
