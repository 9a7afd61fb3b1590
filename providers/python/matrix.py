"""Messages in Matrix, through a homeserver. The request, the errors and the limits:
https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
https://spec.matrix.org/latest/client-server-api/#standard-error-response
https://spec.matrix.org/latest/client-server-api/#rate-limiting"""

import json
import re
from urllib.parse import quote

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

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "description": "Messages of a Matrix account, to rooms that it is in.",
    "properties": {
        "MatrixHomeserver": {
            "type": "string",
            "description": "The account's homeserver: the host of its client-server API, such as matrix.example.com.",
            "pattern": "^[a-z0-9.-]+(:[0-9]{1,5})?$",
            "maxLength": 260,
        },
        "MatrixAccessToken": {
            "type": "string",
            "description": "The account's access token.",
            "writeOnly": True,
            "minLength": 1,
            "maxLength": 4096,
        },
    },
    "required": ["MatrixHomeserver", "MatrixAccessToken"],
    "additionalProperties": False,
    "examples": [{"MatrixHomeserver": "matrix.example.com", "MatrixAccessToken": "syt_example_token"}],
}


class Configuration:
    def describe(self):
        return Manifest(
            type_id="matrix",
            name="Matrix",
            version="0.1.0",
            channel="chat",
            recipient=RecipientKind.HANDLE,
            options_schema=json.dumps(SCHEMA),
            needs_code=False,
            extra=[],
        )

    def configure(self, options):
        options = json.loads(options)
        host = options["MatrixHomeserver"]
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?", host) or host.endswith(":443"):
            raise Err([Problem("/MatrixHomeserver", "must be a host name, such as matrix.example.com, without https://")])
        bearer = HttpAuthentication_Bearer(options["MatrixAccessToken"])
        return [Connection_Http(HttpConnection(origin=f"https://{host}", authentication=bearer, settings=[]))]


class Delivery:
    def deliver(self, options, message):
        # Ids of rooms from version 12 on name no server.
        if not re.fullmatch(r"![^\s/]{1,254}", message.recipient):
            raise Err(rejected(RejectedPart.RECIPIENT, "handle", "the recipient is not the id of a Matrix room (!…)"))
        # With the same transaction id the homeserver sends a message once, however often it is asked to.
        room, transaction = quote(message.recipient, safe=""), quote(message.id, safe="")
        host = json.loads(options)["MatrixHomeserver"]
        request = http.Request(
            method="PUT",
            url=f"https://{host}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}",
            headers=[Entry("content-type", "application/json"), Entry("accept", "application/json")],
            body=json.dumps({"msgtype": "m.text", "body": message.text}, ensure_ascii=False).encode(),
        )
        try:
            response = http.send(request)
        except Err as error:
            raise Err(unsent(error.value)) from None
        body = parsed(response.body)
        if response.status == 200 and isinstance(body.get("event_id"), str):
            return Receipt(reference=body["event_id"], segments=None, price=None, extra=[])
        raise Err(failure(response, body))


def parsed(body):
    """The body as a JSON object; empty if it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def rejected(part, code, detail):
    return DeliveryFailure_Rejected(Rejection(part, Reason(code, detail)))


def unsent(error):
    match error:
        case http.Error_NotSent(why):
            return DeliveryFailure_RetryLater(Retry(None, Reason("not-sent", why)))
        case http.Error_OutcomeUnknown(why):
            return DeliveryFailure_OutcomeUnknown(Reason("no-answer", why))
        case http.Error_Unauthenticated(why) | http.Error_Denied(why):
            return DeliveryFailure_Misconfigured(Reason("denied", why))


def failure(response, body):
    status, word = response.status, body.get("errcode")
    code = word if isinstance(word, str) and re.fullmatch(r"[A-Z_.]{1,60}", word) else str(status)
    if status == 429:
        return DeliveryFailure_RetryLater(Retry(wait(response, body), Reason(code, "the homeserver is throttling requests")))
    if status >= 500:
        return DeliveryFailure_OutcomeUnknown(Reason(code, "the homeserver failed after it received the message"))
    if status < 300:
        return DeliveryFailure_OutcomeUnknown(Reason(code, "the homeserver's response is malformed"))
    if status == 413:
        return rejected(RejectedPart.MESSAGE, code, "the message is too long")
    if code in ("M_FORBIDDEN", "M_NOT_FOUND", "M_INVALID_PARAM"):
        return rejected(RejectedPart.RECIPIENT, code, "the account is not in this room, or may not write there")
    if status == 400:
        return rejected(RejectedPart.MESSAGE, code, "the homeserver does not accept the message")
    return DeliveryFailure_Misconfigured(Reason(code, "the homeserver does not accept the access token or the request"))


def wait(response, body):
    """The wait in seconds: of the header, or of the older member of the body."""
    for header in response.headers:
        if header.name == "retry-after" and re.fullmatch(r"[0-9]{1,6}", header.value):
            return int(header.value)
    after = body.get("retry_after_ms")
    return -(-after // 1000) if isinstance(after, int) and 0 <= after < 10**9 else None
