"""Proofs of a delivery's origin, compared in constant time with each of a hook's secrets. Pure; nothing raises."""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from wamon.providers.deliveries import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.providers.deliveries import Delivery

_TOKEN_SECONDS = 600


def signed(
    delivery: Delivery,
    header: str,
    secrets: Sequence[str],
    *,
    prefix: str = "",
    digest: Literal["sha256", "sha512"] = "sha256",
) -> Verdict:
    """Whether a header holds the HMAC of the body's bytes, in lower-case hex after its prefix."""
    made = [prefix + _hmac(secret, delivery.body, digest) for secret in secrets]
    return _one_of(delivery.headers.get(header), made)


def told(given: str | None, secrets: Sequence[str]) -> Verdict:
    """Whether a secret itself was given."""
    return _one_of(given, secrets)


def bearer(delivery: Delivery) -> str | None:
    """What the header Authorization holds, without the word Bearer."""
    given = delivery.headers.get("authorization")
    return given[7:] if given and given[:7].lower() == "bearer " else given


def json_web_token(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """Whether the header Authorization holds a JWT (HS256) of the last ten minutes."""
    given = bearer(delivery)
    if not given:
        return Verdict.MISSING
    signing, _, signature = given.rpartition(".")
    made = [hmac.digest(secret.encode(), signing.encode("utf-8", "replace"), "sha256") for secret in secrets]
    proven = [hmac.compare_digest(one, _decoded(signature)) for one in made]
    if not any(proven) or signing.count(".") != 1:
        return Verdict.WRONG
    head, claims = (_claims(part) for part in signing.split("."))
    is_young = abs(delivery.received_at.timestamp() - _seconds(claims.get("iat"))) <= _TOKEN_SECONDS
    return Verdict.PROVEN if head.get("alg") == "HS256" and is_young else Verdict.WRONG


def _hmac(secret: str, body: bytes, digest: str) -> str:
    made = _keyed(secret, digest).copy()
    made.update(body)
    return made.hexdigest()


@lru_cache
def _keyed(secret: str, digest: str) -> hmac.HMAC:
    """To be copied, which takes less than to begin anew with the secret."""
    return hmac.new(secret.encode(), digestmod=digest)


def _one_of(given: str | None, expected: Sequence[str]) -> Verdict:
    if not given:
        return Verdict.MISSING
    same = [hmac.compare_digest(given.encode("utf-8", "replace"), one.encode()) for one in expected]
    return Verdict.PROVEN if any(same) else Verdict.WRONG


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def _claims(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 10**15 else 0.0
