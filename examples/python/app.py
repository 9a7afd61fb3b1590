"""A provider that posts messages to a webhook."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import http
from wit_world.imports.types import (
    Connection_Http,
    DeliveryFailure_Misconfigured,
    DeliveryFailure_OutcomeUnknown,
    DeliveryFailure_Rejected,
    DeliveryFailure_RetryLater,
    Entry,
    HttpAuthentication_Bearer,
    HttpConnection,
    Manifest,
    Problem,
    Reason,
    Receipt,
    RecipientKind,
    RejectedPart,
    Rejection,
    Retry,
)

# Read at build time: a running component has no files.
SCHEMA = (Path(__file__).parent / "schema.json").read_text(encoding="utf-8")


def origin(url):
    """Returns the origin of an https URL, or None."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    at = f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"
    # `deliver` sends the URL unchanged, so it must be written as the host grants it: in lower case, without the default port.
    if not re.fullmatch(r"[a-z0-9.-]+", host or "") or not re.fullmatch(re.escape(at) + r"([/?][!-~]*)?", url) or "#" in url:
        return None
    return at


class Configuration:
    def describe(self):
        return Manifest(
            # The type of its instances. Operators use it in their configuration: never change it after the first release.
            type_id="webhook-python",
            name="Webhook (Python)",
            version="0.1.0",
            channel="sms",
            recipient=RecipientKind.PHONE_NUMBER,
            options_schema=SCHEMA,
            needs_code=False,
            extra=[],
        )

    def configure(self, options):
        options = json.loads(options)
        at = origin(options["Url"])
        if at is None:
            raise Err([Problem(pointer="/Url", message="must be an https URL, such as https://sms.example.com/messages")])
        # The host attaches the token to each request; `deliver` never sees it.
        return [Connection_Http(HttpConnection(origin=at, authentication=HttpAuthentication_Bearer(options["Token"]), settings=[]))]


class Delivery:
    def deliver(self, options, message):
        request = http.Request(
            method="POST",
            url=json.loads(options)["Url"],
            headers=[
                Entry("content-type", "application/json"),
                Entry("accept", "application/json"),
                # The id stays the same when a message is sent again, so that the webhook can recognize duplicates.
                Entry("idempotency-key", message.id),
            ],
            # The text has a placeholder, which the host replaces with the code: send the text unchanged.
            body=json.dumps({"to": message.recipient, "text": message.text}, ensure_ascii=False).encode(),
        )
        try:
            answer = http.send(request)
        except Err as error:
            raise Err(unanswered(error.value)) from None
        if 200 <= answer.status < 300:
            return Receipt(reference=reference(answer), segments=None, price=None, extra=[])
        raise Err(refused(answer))


def reference(answer):
    """Returns the id that the webhook gave the message, if any."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return ""
    return said["id"] if isinstance(said, dict) and isinstance(said.get("id"), str) else ""


def unanswered(error):
    """Returns the failure for a missing response."""
    match error:
        case http.Error_NotSent(why):
            return DeliveryFailure_RetryLater(Retry(None, Reason("not-sent", why)))
        case http.Error_OutcomeUnknown(why):
            return DeliveryFailure_OutcomeUnknown(Reason("no-answer", why))
        case http.Error_Unauthenticated(why):
            return DeliveryFailure_Misconfigured(Reason("unauthenticated", why))
        case http.Error_Denied(why):
            return DeliveryFailure_Misconfigured(Reason("denied", why))


def refused(answer):
    """Returns the failure that a status means."""
    code = str(answer.status)
    match answer.status:
        case 401 | 403:
            return DeliveryFailure_Misconfigured(Reason(code, "the webhook does not accept the token"))
        case 404 | 405:
            return DeliveryFailure_Misconfigured(Reason(code, "there is no webhook at this URL"))
        case 429:
            return DeliveryFailure_RetryLater(Retry(wait(answer), Reason(code, "the webhook is throttling requests")))
        case status if status >= 500:
            return DeliveryFailure_OutcomeUnknown(Reason(code, "the webhook failed after it received the message"))
        case status if status < 400:
            return DeliveryFailure_Misconfigured(Reason(code, "the webhook redirects, which is not followed"))
        case _:
            return DeliveryFailure_Rejected(
                Rejection(RejectedPart.MESSAGE, Reason(code, "the webhook does not accept the message"))
            )


def wait(answer):
    """Returns `Retry-After` in seconds. Its other form, a date, is ignored: the host has a default."""
    for header in answer.headers:
        if header.name == "retry-after" and re.fullmatch(r"[0-9]{1,6}", header.value):
            return int(header.value)
    return None
