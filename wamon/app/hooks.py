"""A test of a hook: a delivery to its real address, and what the answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.errors import UsageError
from wamon.net.address import NotSent
from wamon.net.http import Unknown, request
from wamon.net.message import Bounds
from wamon.views.hooks import Tested
from wamon.webhooks.sample import BODY, sample

if TYPE_CHECKING:
    from wamon.config.hooks import Hook
    from wamon.config.schema import Config
    from wamon.net.message import Answer

_BOUNDS = Bounds(connect_seconds=5, answer_seconds=10, answer_bytes=1000)
_FOREIGN = "Another server answered, with status {}: the delivery didn't reach `wamon web`."


def deliver_sample(config: Config, name: str) -> Tested:
    """Deliver to a hook. Raises UsageError where there is none of this name, or it has no secret."""
    hook = _named(config, name)
    url = f"{(config.web.public_url or config.web.listen.url).rstrip('/')}/hooks/{hook.name}"
    query, headers = sample(hook)
    try:
        answer = request("POST", url + query, BODY, headers, bounds=_BOUNDS, allow_private=True)
    except (NotSent, Unknown) as error:
        hint = "Does `wamon web` run, and are web.listen and web.public_url right?"
        return Tested(hook.name, url, taken=False, status=None, correlation_id=None, sentence=str(error), hint=hint)
    taken = answer.status == 200 and answer.correlation_id is not None
    sentence, hint = ("It was taken: proven, and only counted.", "") if taken else _refusal(hook, answer)
    return Tested(hook.name, url, taken, answer.status, answer.correlation_id, sentence, hint)


def _named(config: Config, name: str) -> Hook:
    hook = next((hook for hook in config.hooks if hook.name == name), None)
    if hook is None:
        raise UsageError(f"There is no hook {name} in the config.", hint="`wamon hooks list` lists them.")
    if not hook.secret:
        hint = f"Set hooks[].secret, or put it into the file {hook.secret_file}."
        raise UsageError(f"The hook {name} has no secret, so its address doesn't exist.", hint=hint)
    return hook


def _refusal(hook: Hook, answer: Answer) -> tuple[str, str]:
    """What an answer other than the awaited one means, and what to do."""
    sentences = {
        401: ("Its proof was refused.", "Restart `wamon web`: it runs with another secret of this hook."),
        404: (f"There is no /hooks/{hook.name} there.", "Restart `wamon web`: it read an older config."),
        421: ("It doesn't go by this name.", "Add the name to web.hosts."),
        503: ("It can't keep anything now.", "Is PostgreSQL up? `wamon doctor` looks."),
    }
    return sentences.get(answer.status, (_FOREIGN.format(answer.status), "Does a proxy there pass on /hooks/?"))
