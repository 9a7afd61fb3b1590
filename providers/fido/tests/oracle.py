"""Verifies WebAuthn answers with a package of PyPI, which the argument names: one JSON object a line in, one verdict a line out."""

import json
import sys


def with_webauthn():
    """Returns how `webauthn` verifies a case."""
    from webauthn import verify_authentication_response, verify_registration_response
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    algorithms = [COSEAlgorithmIdentifier(number) for number in (-8, -7, -257)]

    def verify(case):
        common = {
            "credential": case["answer"],
            "expected_challenge": base64url_to_bytes(case["challenge"]),
            "expected_rp_id": case["rp_id"],
            "expected_origin": case["origins"],
            "require_user_verification": case["user_verification"],
        }
        if case["public_key"] is None:
            verify_registration_response(**common, supported_pub_key_algs=algorithms)
        else:
            verify_authentication_response(
                **common,
                credential_public_key=base64url_to_bytes(case["public_key"]),
                credential_current_sign_count=case["sign_count"],
            )

    return verify


def with_fido2():
    """Returns how Yubico's `fido2` verifies a case."""
    from fido2 import cbor
    from fido2.attestation import Attestation
    from fido2.cose import CoseKey
    from fido2.server import Fido2Server
    from fido2.utils import websafe_decode
    from fido2.webauthn import Aaguid, AttestedCredentialData

    def verify_attestation(attested, client_data_hash):
        kind = Attestation.for_type(attested.fmt)
        kind().verify(attested.att_stmt, attested.auth_data, client_data_hash)

    def verify(case):
        server = Fido2Server(
            {"id": case["rp_id"], "name": case["rp_id"]},
            attestation="direct",
            verify_origin=lambda origin: origin in case["origins"],
            verify_attestation=verify_attestation,
        )
        state = {
            "challenge": case["challenge"],
            "user_verification": "required" if case["user_verification"] else "preferred",
        }
        answer = json.loads(case["answer"])
        if case["public_key"] is None:
            server.register_complete(state, answer)
        else:
            held = AttestedCredentialData.create(
                Aaguid.NONE,
                websafe_decode(case["credential_id"]),
                CoseKey.parse(cbor.decode(websafe_decode(case["public_key"]))),
            )
            server.authenticate_complete(state, [held], answer)

    return verify


verify = {"webauthn": with_webauthn, "fido2": with_fido2}[sys.argv[1]]()
for line in sys.stdin:
    try:
        verify(json.loads(line))
        print("accepted", flush=False)
    except Exception as error:  # whatever a parser throws is a refusal
        print("refused:", type(error).__name__, str(error).replace("\n", " ")[:200])
