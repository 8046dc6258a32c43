"""HSS public keys in files: SubjectPublicKeyInfo of RFC 9708 in PEM, the parameter set of formats/lms.py only.

host/hss.py has the private ones.
"""

from pathlib import Path

from formats.lms import HSS_KEY_BYTES, LMOTS_SHAKE_N24_W4, LMS_SHAKE_M24_HEIGHTS, MAX_LEVELS
from host.errors import EvidenceError

from .keys import PUBLIC_LABEL, read_pem, write_pem

HSS_PREFIX = bytes.fromhex("3046300d060b2a864886f70d0109100311033500")
"""Of the DER: id-alg-hss-lms-hashsig without parameters, and the head of a bit string of HSS_KEY_BYTES bytes."""


def read_hss_public(path: Path) -> bytes:
    """The 52-byte HSS public key in a PEM file.

    Raises EvidenceError when the file cannot be read, or holds something else than a key of the parameter set.
    """
    key = read_pem(path, PUBLIC_LABEL, HSS_PREFIX, HSS_KEY_BYTES, "an HSS key (RFC 9708)")
    levels, lms_type, lmots_type = (int.from_bytes(key[at : at + 4], "big") for at in (0, 4, 8))
    if not 1 <= levels <= MAX_LEVELS or lms_type not in LMS_SHAKE_M24_HEIGHTS or lmots_type != LMOTS_SHAKE_N24_W4:
        raise EvidenceError(f"{path}: an HSS key of another parameter set than LMS_SHAKE_M24 with LMOTS_SHAKE_N24_W4")
    return key


def write_hss_public(path: Path, key: bytes) -> None:
    """Writes a 52-byte HSS public key as a new file. Raises EvidenceError when it exists or cannot be written."""
    write_pem(path, PUBLIC_LABEL, HSS_PREFIX + key)
