"""What is entered at each provider so that it delivers here, in its own words, and where answers go. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.config.hooks import Provider


@dataclass(frozen=True, slots=True)
class Registration:
    """One provider.

    `account`: what has to be known of it before its `send_url` is, in which {account} stands for that. `token`: what it
    calls the proof of who sends. `steps` are typed or pressed there; {address}, and the files {secret} and {verify}.
    """

    title: str
    steps: tuple[str, ...]
    send_url: str = ""
    account: str = ""
    token: str = ""
    app_secret: str = ""  # the provider makes the secret itself, and calls it so
    suffix: str = ""  # what follows the hook's address, with SECRET in it
    is_public: bool = False  # it delivers from the internet
    flavour: str = ""  # of the store that the same bridge writes
    has_verify_token: bool = False


REGISTRATIONS: Mapping[Provider, Registration] = {
    "meta": Registration(
        "Meta's app dashboard",
        (
            "WhatsApp, Configuration, Webhook, Edit: Callback URL {address}, Verify token what {verify} holds.",
            "Press Verify and save, once `wamon web` runs: Meta asks at once.",
            "Webhook fields: subscribe to messages; of a number of the Business app to smb_message_echoes, too.",
        ),
        send_url="https://graph.facebook.com/v25.0/{account}/messages",
        account="Phone number ID (WhatsApp, API Setup)",
        token="access token (of a system user, else it ends within a day)",  # noqa: S106 - its name
        app_secret="App secret (App settings, Basic)",  # noqa: S106
        is_public=True,
        has_verify_token=True,
    ),
    "wati": Registration(
        "WATI's dashboard",
        (
            "Webhooks, Add Webhook: URL as above, Status Enabled.",
            "Events: Message Received, Session and Template Message Sent, and those of delivered, read and failed.",
            "Trigger sample callback tries the way, and is only counted.",
        ),
        send_url="https://{account}/api/ext/v3/conversations/messages/text",
        account="Host of the API endpoint, such as live-mt-server.wati.io",
        token="API token",  # noqa: S106
        suffix="/SECRET",
        is_public=True,
    ),
    "manychat": Registration(
        "ManyChat",
        (
            "In the flow that takes messages: Action, External Request, POST to {address}.",
            "Headers: X-Wamon-Secret with what {secret} holds. Body: add full contact data.",
            "Test request has to show status 200.",
        ),
        send_url="https://api.manychat.com/fb/sending/sendContent",
        token="API key (Settings, API)",  # noqa: S106
        is_public=True,
    ),
    "gowa": Registration(
        "GOWA's environment",
        ("WHATSAPP_WEBHOOK={address}", "WHATSAPP_WEBHOOK_SECRET: what {secret} holds. Restart GOWA."),
        send_url="http://127.0.0.1:3000/send/message",
        token="user:password of its basic auth",  # noqa: S106
        flavour="gowa",
    ),
    "wacli": Registration(
        "wacli's command line",
        ("wacli sync --follow --webhook {address} --webhook-allow-private --webhook-secret \"$(cat '{secret}')\"",),
        token="bearer token of what you put in front of it",  # noqa: S106
        flavour="wacli",
    ),
    "vgp": Registration(
        "the bridge's environment",
        ("WEBHOOK_URL={address}", "Restart the bridge."),
        send_url="http://127.0.0.1:8080/api/send",
        token="bridge's token (store/.bridge-token)",  # noqa: S106
        app_secret="bridge's token (store/.bridge-token)",  # noqa: S106
        flavour="whatsapp-mcp",
    ),
    "felixisaac": Registration(
        "the bridge's webhooks",
        ("Add one to {address}, with the secret that {secret} holds and a trigger for all messages.",),
        send_url="http://127.0.0.1:8080/api/send",
        token="API key",  # noqa: S106
        flavour="whatsapp-mcp",
    ),
    "evolution": Registration(
        "Evolution's webhook of the instance",
        (
            "URL {address}, enabled, events MESSAGES_UPSERT, MESSAGES_EDITED, MESSAGES_DELETE and MESSAGES_UPDATE,",
            "and SEND_MESSAGE for what colleagues answer.",
            "Headers: X-Wamon-Secret with what {secret} holds.",
        ),
        send_url="http://127.0.0.1:8080/message/sendText/{account}",
        account="Name of the instance",
        token="API key",  # noqa: S106
    ),
    "waha": Registration(
        "WAHA's environment",
        (
            "WHATSAPP_HOOK_URL={address}",
            "WHATSAPP_HOOK_EVENTS=message.any,message.edited,message.revoked,message.ack",
            "WHATSAPP_HOOK_HMAC_KEY: what {secret} holds. Restart WAHA.",
        ),
        send_url="http://127.0.0.1:3000/api/sendText",
        token="API key",  # noqa: S106
    ),
}
