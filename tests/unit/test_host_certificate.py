"""Certificates and the maker's key files: one form each, and everything else is named."""

import base64
import re
import tempfile
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.link import CERTIFICATE_BYTES
from formats.otp import Lifecycle
from formats.statement import PROTECTED
from host.errors import EvidenceError, FieldError
from host.evidence import cbor, certificate, keys
from host.evidence.signature import public_key, sig_structure, sign
from tests.evidence_story import CHIP_ID, CHIP_SEED, MAKER_KEY, MAKER_SEED
from tests.unit.test_host_signature import NOT_CANONICAL, SMALL_ORDER, mixed_order_key

UEID = b"\x01" + CHIP_ID
CHIP_KEY = public_key(CHIP_SEED)
CONFIGURATION = bytes(range(200, 232))
STATE = Lifecycle.DEVELOPMENT
WEAK_KEYS = [*map(bytes.fromhex, [*SMALL_ORDER, *NOT_CANONICAL]), mixed_order_key()]

PLANT_SEED, LINE_SEED = bytes(range(1, 33)), bytes(range(2, 34))
PLANT_KEY, LINE_KEY = public_key(PLANT_SEED), public_key(LINE_SEED)


def signed(claims: object, seed: bytes = MAKER_SEED) -> bytes:
    payload = claims if isinstance(claims, bytes) else cbor.encode(claims)
    return cbor.encode(cbor.Tag(18, [PROTECTED, {}, payload, sign(seed, sig_structure(payload))]))


def chip(seed: bytes = MAKER_SEED, key: bytes = CHIP_KEY) -> bytes:
    return certificate.issue(seed, UEID, key, STATE, CONFIGURATION).encoded


def authority(seed: bytes, name: str, key: bytes) -> bytes:
    return certificate.issue_authority(seed, name, key).encoded


def chain(*certificates: bytes) -> bytes:
    return certificate.encode_array(certificates)


def good() -> bytes:
    """The root lets the plant certify, the plant its line, and that certifies the chip."""
    return chain(
        chip(LINE_SEED), authority(PLANT_SEED, "line 3", LINE_KEY), authority(MAKER_SEED, "plant", PLANT_KEY)
    )


def refused(data: bytes, subject: str, field: str, root: bytes = MAKER_KEY) -> FieldError:
    with pytest.raises(FieldError) as caught:
        certificate.check_chain(certificate.parse_chain(data), root)
    assert (caught.value.subject, caught.value.field) == (subject, field), str(caught.value)
    return caught.value


def test_issue_parse_check() -> None:
    found = certificate.parse_chain(chain(chip()))
    certificate.check_chain(found, MAKER_KEY)
    values = (found.chip.ueid, found.chip.public_key, found.chip.lifecycle, found.chip.configuration)
    assert values == (UEID, CHIP_KEY, STATE, CONFIGURATION)
    assert found.authorities == () and found.encoded == chain(chip())


def test_two_authorities() -> None:
    found = certificate.parse_chain(good())
    certificate.check_chain(found, MAKER_KEY)
    assert [(each.name, each.public_key) for each in found.authorities] == [
        ("line 3", LINE_KEY),
        ("plant", PLANT_KEY),
    ]
    assert found.encoded == good() and len(good()) <= CERTIFICATE_BYTES
    assert found.as_json()["authorities"][1] == {"name": "plant", "key": PLANT_KEY.hex()}


def test_the_longest_chain_fits_the_chip() -> None:
    longest = [authority(MAKER_SEED, "x" * 64, key) for key in (LINE_KEY, PLANT_KEY)]
    assert len(chain(chip(), *longest)) <= CERTIFICATE_BYTES


def test_another_root() -> None:
    other = public_key(bytes(32))
    assert other.hex() in refused(chain(chip()), "certificate", "signature", other).expected
    refused(good(), "authority 2", "signature", other)


def test_each_hop_is_checked() -> None:
    line, plant = authority(PLANT_SEED, "line 3", LINE_KEY), authority(MAKER_SEED, "plant", PLANT_KEY)
    refused(chain(chip(PLANT_SEED), line, plant), "certificate", "signature")
    refused(chain(chip(LINE_SEED), authority(MAKER_SEED, "line 3", LINE_KEY), plant), "authority 1", "signature")
    refused(chain(chip(LINE_SEED), line, authority(LINE_SEED, "plant", PLANT_KEY)), "authority 2", "signature")
    refused(chain(chip(LINE_SEED), plant, line), "certificate", "signature")
    refused(chain(chip(LINE_SEED), line), "authority 1", "signature")
    refused(chain(chip(LINE_SEED)), "certificate", "signature")


def test_each_key_stands_once() -> None:
    """No cycle, no certificate for its own issuer, and none for the root."""
    plant = authority(MAKER_SEED, "plant", PLANT_KEY)
    refused(chain(chip(PLANT_SEED), authority(PLANT_SEED, "plant", PLANT_KEY), plant), "authority 2", "cnf")
    refused(chain(chip(MAKER_SEED), authority(MAKER_SEED, "root", MAKER_KEY)), "authority 1", "cnf")
    root = authority(PLANT_SEED, "root", MAKER_KEY)
    refused(chain(chip(MAKER_SEED), root, plant), "authority 1", "cnf")
    refused(chain(chip(PLANT_SEED, PLANT_KEY), plant), "authority 1", "cnf")
    refused(chain(chip(MAKER_SEED, MAKER_KEY)), "certificate", "cnf")


def test_the_right_kinds_in_the_right_places() -> None:
    plant = authority(MAKER_SEED, "plant", PLANT_KEY)
    refused(chain(plant), "certificate", "eat_profile")
    refused(chain(chip(PLANT_SEED), chip()), "authority 1", "eat_profile")
    refused(chain(plant, chip()), "certificate", "eat_profile")
    refused(chain(chip(), plant, plant, plant), "certificate", "chain")
    refused(chain(), "certificate", "chain")
    refused(chip(), "certificate", "chain")
    refused(cbor.encode([5]), "certificate", "COSE_Sign1")
    refused(b"\x98\x01" + chip(), "certificate", "chain")
    refused(b"\x9f" + chip() + b"\xff", "certificate", "chain")
    refused(chain(chip()) + b"\x00", "certificate", "chain")


@pytest.mark.parametrize("key", WEAK_KEYS, ids=bytes.hex)
def test_weak_keys_are_refused_everywhere(key: bytes) -> None:
    refused(chain(chip()), "maker", "key", key)
    claims = certificate.chip_claims(UEID, key, STATE, CONFIGURATION)
    assert "prime order" in refused(chain(signed(claims)), "certificate", "cnf").expected
    weak = signed(certificate.authority_claims("plant", key))
    assert "prime order" in refused(chain(chip(PLANT_SEED), weak), "authority 1", "cnf").expected
    with pytest.raises(FieldError, match="cnf"):
        certificate.issue(MAKER_SEED, UEID, key, STATE, CONFIGURATION)
    with pytest.raises(FieldError, match="cnf"):
        certificate.issue_authority(MAKER_SEED, "plant", key)


def claims_of(**change: object) -> dict[object, object]:
    key = {1: 1, -1: 6, -2: CHIP_KEY}
    names = {"kty": 1, "crv": -1, "x": -2}
    key.update({names[name]: value for name, value in change.items()})
    return {8: {1: key}, 256: UEID, 265: certificate.PROFILE, -65555: 1, -65557: CONFIGURATION}


@pytest.mark.parametrize(
    "claims, field",
    [
        (claims_of(kty=2), "cnf"),
        (claims_of(kty=True), "cnf"),
        (claims_of(crv=4), "cnf"),
        (claims_of(x=CHIP_KEY[:31]), "cnf"),
        (claims_of(x="text"), "cnf"),
        ({**claims_of(), 8: {1: {1: 1, -1: 6, -2: CHIP_KEY, -4: bytes(32)}}}, "cnf"),
        ({**claims_of(), 8: {3: b"kid"}}, "cnf"),
        ({**claims_of(), 8: CHIP_KEY}, "cnf"),
        ({**claims_of(), 256: UEID[1:]}, "ueid"),
        ({**claims_of(), 256: b"\x02" + CHIP_ID}, "ueid"),
        ({**claims_of(), 256: 5}, "ueid"),
        ({**claims_of(), 265: "urn:livetrap:chip:certificate:v1"}, "eat_profile"),
        ({**claims_of(), -65555: 0}, "lifecycle"),
        ({**claims_of(), -65555: 3}, "lifecycle"),
        ({**claims_of(), -65555: True}, "lifecycle"),
        ({**claims_of(), -65555: b"\x01"}, "lifecycle"),
        ({**claims_of(), -65557: CONFIGURATION[1:]}, "configuration"),
        ({**claims_of(), -65557: "text"}, "configuration"),
        ({**claims_of(), 6: 1700000000}, "payload"),
        ({8: 1, 265: certificate.PROFILE}, "payload"),
        ([1], "payload"),
        (b"\xa0\x00", "payload"),
    ],
)
def test_what_is_not_as_the_cddl_says_is_named(claims: object, field: str) -> None:
    refused(chain(signed(claims)), "certificate", field)


@pytest.mark.parametrize("name", ["", "x" * 65, "\u00e9" * 33, "two\nlines", "\x1b[1m", 5, b"plant"])
def test_names_are_printable_and_short(name: object) -> None:
    data = signed({**certificate.authority_claims("plant", PLANT_KEY), 2: name})
    refused(chain(chip(PLANT_SEED), data), "authority 1", "sub")
    with pytest.raises(FieldError, match="sub"):
        certificate.issue_authority(MAKER_SEED, name, PLANT_KEY)


def test_authorities_by_themselves() -> None:
    line, plant = authority(PLANT_SEED, "line 3", LINE_KEY), authority(MAKER_SEED, "plant", PLANT_KEY)
    assert [each.name for each in certificate.parse_authorities(chain(line, plant))] == ["line 3", "plant"]
    assert len(certificate.parse_authorities(chain(plant))) == 1
    for bad in (chain(), chain(plant, line), chain(line, plant, plant), chain(chip()), b""):
        with pytest.raises(FieldError):
            certificate.parse_authorities(bad)


def test_every_byte_matters() -> None:
    data = good()
    for at in range(len(data)):
        spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(FieldError):
            certificate.check_chain(certificate.parse_chain(spoilt), MAKER_KEY)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_field(data: bytes) -> None:
    with pytest.raises(FieldError):
        certificate.parse_chain(data)


@given(st.data())
def test_any_cbor_is_refused_with_a_field(data: st.DataObject) -> None:
    leaf = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=9) | st.booleans() | st.none()
    tree = st.recursive(leaf, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(leaf, inner, max_size=5))
    payload = data.draw(tree | st.fixed_dictionaries({265: st.just(certificate.PROFILE), 8: tree, 256: tree}))
    with pytest.raises(FieldError):
        certificate.parse_chain(cbor.encode([cbor.Tag(18, data.draw(tree))]))
    with pytest.raises(FieldError):
        certificate.parse_chain(chain(signed(payload)))


def test_the_cddl_says_the_same() -> None:
    """Keys and constants of formats/certificate.cddl, in its order, are those of an issued certificate."""
    text = files("formats").joinpath("certificate.cddl").read_text()
    for name, issued, labels in (
        ("chip-claims", certificate.chip_claims(UEID, CHIP_KEY, STATE, CONFIGURATION), [8, 256, 265, -65555, -65557]),
        ("authority-claims", certificate.authority_claims("plant", PLANT_KEY), [2, 8, 265]),
    ):
        claims = text.split(f"{name} = {{", 1)[1].split("\n}", 1)[0]
        assert [int(key) for key in re.findall(r"^ +(-?\d+) =>", claims, re.M)] == labels == list(issued)
        assert f'265 => "{issued[265]}"' in claims
    assert f"*{certificate.MAX_AUTHORITIES} authority-certificate" in text
    assert f"tstr .size (1..{certificate.MAX_NAME_BYTES})" in text and f"bstr .size {len(UEID)}" in text
    assert f"-65555 => {' / '.join(str(int(state)) for state in certificate.CERTIFIABLE)}," in text
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
