"""Certificates and the maker's key files: one form each, and everything else is named."""

import base64
import re
import tempfile
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.statement import PROTECTED
from host.errors import EvidenceError, FieldError
from host.evidence import cbor, certificate, keys
from host.evidence.signature import public_key, sig_structure, sign
from tests.evidence_story import CHIP_ID, CHIP_SEED, MAKER_KEY, MAKER_SEED
from tests.unit.test_host_signature import NOT_CANONICAL, SMALL_ORDER, mixed_order_key

UEID = b"\x01" + CHIP_ID
CHIP_KEY = public_key(CHIP_SEED)
WEAK_KEYS = [*map(bytes.fromhex, [*SMALL_ORDER, *NOT_CANONICAL]), mixed_order_key()]


def signed(claims: object, seed: bytes = MAKER_SEED) -> bytes:
    payload = claims if isinstance(claims, bytes) else cbor.encode(claims)
    return cbor.encode(cbor.Tag(18, [PROTECTED, {}, payload, sign(seed, sig_structure(payload))]))


def good() -> bytes:
    return certificate.issue(MAKER_SEED, UEID, CHIP_KEY)


def test_issue_parse_check() -> None:
    found = certificate.parse(good())
    certificate.check(found, MAKER_KEY)
    assert (found.ueid, found.public_key, found.encoded) == (UEID, CHIP_KEY, good())


def test_another_makers_key() -> None:
    with pytest.raises(FieldError, match="certificate: signature") as caught:
        certificate.check(certificate.parse(good()), public_key(bytes(32)))
    assert public_key(bytes(32)).hex() in caught.value.expected


@pytest.mark.parametrize("key", WEAK_KEYS, ids=bytes.hex)
def test_weak_keys_are_refused_everywhere(key: bytes) -> None:
    with pytest.raises(FieldError, match="maker: key: expected a canonical Ed25519 point of prime order"):
        certificate.check(certificate.parse(good()), key)
    with pytest.raises(FieldError, match="certificate: cnf: expected a canonical Ed25519 point of prime order"):
        certificate.parse(signed(certificate.claims(UEID, key)))
    with pytest.raises(FieldError, match="cnf"):
        certificate.issue(MAKER_SEED, UEID, key)


def key_of(**change: object) -> dict[object, object]:
    key = {1: 1, -1: 6, -2: CHIP_KEY}
    names = {"kty": 1, "crv": -1, "x": -2}
    key.update({names[name]: value for name, value in change.items()})
    return {8: {1: key}, 256: UEID, 265: certificate.PROFILE}


@pytest.mark.parametrize(
    "claims, field",
    [
        (key_of(kty=2), "cnf"),
        (key_of(kty=True), "cnf"),
        (key_of(crv=4), "cnf"),
        (key_of(x=CHIP_KEY[:31]), "cnf"),
        (key_of(x="text"), "cnf"),
        ({**key_of(), 8: {1: {1: 1, -1: 6, -2: CHIP_KEY, -4: bytes(32)}}}, "cnf"),
        ({**key_of(), 8: {3: b"kid"}}, "cnf"),
        ({**key_of(), 8: CHIP_KEY}, "cnf"),
        ({**key_of(), 256: UEID[1:]}, "ueid"),
        ({**key_of(), 256: b"\x02" + CHIP_ID}, "ueid"),
        ({**key_of(), 256: 5}, "ueid"),
        ({**key_of(), 265: "urn:livetrap:chip:statement:v1"}, "eat_profile"),
        ({**key_of(), 6: 1700000000}, "payload"),
        ({8: 1, 256: 2}, "payload"),
        ([1], "payload"),
        (b"\xa0\x00", "payload"),
    ],
)
def test_what_is_not_as_the_cddl_says_is_named(claims: object, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        certificate.parse(signed(claims))
    assert caught.value.field == field and caught.value.subject == "certificate"


def test_every_byte_matters() -> None:
    for at in range(len(good())):
        spoilt = good()[:at] + bytes([good()[at] ^ 1]) + good()[at + 1 :]
        with pytest.raises(FieldError):
            certificate.check(certificate.parse(spoilt), MAKER_KEY)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_field(data: bytes) -> None:
    with pytest.raises(FieldError):
        certificate.parse(data)


def test_the_cddl_says_the_same() -> None:
    """Keys and constants of formats/certificate.cddl, in its order, are those of an issued certificate."""
    text = files("formats").joinpath("certificate.cddl").read_text()
    claims = text.split("chip-claims = {", 1)[1].split("\n}", 1)[0]
    assert [int(key) for key in re.findall(r"^ +(-?\d+) =>", claims, re.M)] == [8, 256, 265]
    assert f'265 => "{certificate.PROFILE}"' in claims and f"bstr .size {len(UEID)}" in claims
    key = text.split("cose-key = {", 1)[1].split("\n}", 1)[0]
    assert re.findall(r"^ +(-?\d+) => ([^,]+),", key, re.M) == [("1", "1"), ("-1", "6"), ("-2", "bstr .size 32")]


def test_maker_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    private = tmp_path / "maker"
    public = keys.generate(private)
    assert private.stat().st_mode & 0o777 == 0o600
    assert public_key(keys.read_private(private)) == keys.read_public(public)
    with pytest.raises(EvidenceError, match="exists already"):
        keys.generate(private)
    private.unlink()
    with pytest.raises(EvidenceError, match="exists already"):
        keys.generate(private)
    assert not private.exists()


def test_key_files_are_those_of_other_tools(tmp_path: Path) -> None:
    """RFC 8410 10.1 and 10.3: the keys printed there."""
    public, private = tmp_path / "a.pub", tmp_path / "a"
    public.write_text(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PUBLIC KEY-----\n"
    )
    private.write_text(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
        "-----END PRIVATE KEY-----\n"
    )
    assert keys.read_public(public).hex().startswith("19bf44096984cdfe8541bac167dc3b96")
    assert public_key(keys.read_private(private)) == keys.read_public(public)
    assert keys.public_pem(keys.read_public(public)) == public.read_text()


@given(st.binary(max_size=60), st.sampled_from([keys.PUBLIC_LABEL, keys.PRIVATE_LABEL, "CERTIFICATE"]))
def test_any_pem_is_a_key_or_refused(der: bytes, label: str) -> None:
    pem = f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "key"
        path.write_text(pem)
        for read, prefix in ((keys.read_public, keys.PUBLIC_PREFIX), (keys.read_private, keys.PRIVATE_PREFIX)):
            try:
                key = read(path)
            except EvidenceError as error:
                assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            else:
                assert der == prefix + key and len(key) == 32


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n!!!\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n"
        "MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
        "\u00e9",
    ],
)
def test_other_files_are_no_keys(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    for read in (keys.read_public, keys.read_private):
        with pytest.raises(EvidenceError, match="key"):
            read(path)
    with pytest.raises(EvidenceError, match="No such file"):
        keys.read_public(tmp_path / "absent")
