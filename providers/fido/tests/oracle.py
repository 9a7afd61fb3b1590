"""Verifies WebAuthn answers with the package `webauthn` of PyPI: one JSON object a line in, one verdict a line out."""

import json
import sys

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier

ALGORITHMS = [COSEAlgorithmIdentifier(number) for number in (-8, -7, -257)]


def verify(case):
    common = {
        "credential": case["answer"],
        "expected_challenge": base64url_to_bytes(case["challenge"]),
        "expected_rp_id": case["rp_id"],
        "expected_origin": case["origins"],
        "require_user_verification": case["user_verification"],
    }
    if case["public_key"] is None:
        verify_registration_response(**common, supported_pub_key_algs=ALGORITHMS)
    else:
        verify_authentication_response(
            **common,
            credential_public_key=base64url_to_bytes(case["public_key"]),
            credential_current_sign_count=case["sign_count"],
        )


for line in sys.stdin:
    try:
        verify(json.loads(line))
        print("accepted", flush=False)
    except Exception as error:  # whatever a parser throws is a refusal
        print("refused:", type(error).__name__, str(error).replace("\n", " ")[:200])
