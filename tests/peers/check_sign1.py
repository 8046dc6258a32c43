"""Runs in the environment of the independent COSE library: verifies COSE_Sign1 messages with Ed25519 keys.

Standard input: a JSON list of {"message": hex, "key": hex}. Standard output: a JSON list, each entry the payload in
hex when the signature fits, or null.
"""

import json
import sys

import cbor2
from pycose.headers import Algorithm
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

TAG_18 = b"\xd2"


def payload_of(message: bytes, key: bytes) -> str | None:
    # Behind the tag, because Sign1Message.decode needs cbor2 to make lists within tags, which cbor2 6 does not.
    if message[:1] != TAG_18:
        raise ValueError("not tagged as a COSE_Sign1")
    sign1 = Sign1Message.from_cose_obj(cbor2.loads(message[1:]), False)
    if sign1.phdr[Algorithm].identifier != -8 or sign1.uhdr:
        raise ValueError("other headers than EdDSA")
    sign1.key = OKPKey(crv="ED25519", x=key)
    return sign1.payload.hex() if sign1.verify_signature() else None


requests = json.load(sys.stdin)
answers = [payload_of(bytes.fromhex(entry["message"]), bytes.fromhex(entry["key"])) for entry in requests]
json.dump(answers, sys.stdout)
