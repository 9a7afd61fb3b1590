"""An authenticator that nobody here wrote, between a browser's JSON and soft-webauthn's bytes.

Reads one request a line, and writes one answer a line: {"call": "create" or "get", "options": …, "origin": …} as in
`navigator.credentials`, and {"call": "counter", "value": …}, which sets the signature counter.
"""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

from soft_webauthn import SoftWebauthnDevice


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(value):
    return urlsafe_b64encode(value).decode().rstrip("=")


def parsed(options):
    """Does what `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` do with the members that are used here."""
    options = {**options, "challenge": decoded(options["challenge"])}
    if "user" in options:
        options["user"] = {**options["user"], "id": decoded(options["user"]["id"])}
    return {"publicKey": options}


def to_json(credential):
    """Does what `toJSON` does. The device's own `id` has padding, which a browser's has not."""
    response = {name: encoded(value) for name, value in credential["response"].items()}
    own = encoded(credential["rawId"])
    return {"id": own, "rawId": own, "type": credential["type"], "response": response, "clientExtensionResults": {}}


device = SoftWebauthnDevice()
for line in sys.stdin:
    request = json.loads(line)
    match request["call"]:
        case "create":
            answer = to_json(device.create(parsed(request["options"]), request["origin"]))
        case "get":
            answer = to_json(device.get(parsed(request["options"]), request["origin"]))
        case "counter":
            device.sign_count = request["value"]
            answer = None
    print(json.dumps(answer), flush=True)
