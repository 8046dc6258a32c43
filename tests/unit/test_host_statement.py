"""The Verifier's statement parser against the golden encoder, and against every way to spoil a statement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.otp import Lifecycle
from formats.statement import PROTECTED, Cause, Kind, layout
from host.errors import FieldError
from host.evidence import cbor
from host.evidence.chain import chain_after
from host.evidence.signature import sig_structure
from host.evidence.statement import Statement, field_at, parse
from sim.golden import chip as golden
from sim.golden import statement as golden_statement
from tests.evidence_story import CHIP_SEED, honest, new_chip, values_of

SLOTS = [claim for claim in layout().claims if claim.text is None]
ENUMERATIONS = {
    "kind": st.sampled_from(Kind),
    "cause": st.sampled_from(Cause),
    "lifecycle": st.sampled_from([state for state in Lifecycle if state is not Lifecycle.RAW]),
}
AS_BYTES = {"nonce", "ueid", "firmware", "chain", "inputs", "digest", "configuration"}


def value_of(name: str, size: int) -> st.SearchStrategy[object]:
    if name in ENUMERATIONS:
        return ENUMERATIONS[name]
    return st.binary(min_size=size, max_size=size) if name in AS_BYTES else st.integers(0, 2 ** (8 * size) - 1)


VALUES = st.fixed_dictionaries({claim.name: value_of(claim.name, claim.size) for claim in SLOTS})


def good() -> bytes:
    return honest().statements[1]


def unsigned(payload: bytes) -> bytes:
    """A COSE_Sign1 around any payload, by the generic encoder."""
    return cbor.encode(cbor.Tag(18, [PROTECTED, {}, payload, bytes(64)]))


def changed_claims(change: dict[int, object] | None = None, remove: tuple[int, ...] = ()) -> bytes:
    claims = cbor.decode(golden_statement.payload(values_of(good())))
    assert isinstance(claims, dict)
    claims.update(change or {})
    return unsigned(cbor.encode({key: value for key, value in claims.items() if key not in remove}))


@given(VALUES)
def test_parses_what_the_golden_chip_encodes(values: dict[str, object]) -> None:
    payload = golden_statement.payload(values)
    found = parse(golden_statement.assemble(payload, bytes(64)))
    assert {name: getattr(found, name) for name in values} == values
    assert unsigned(payload) == found.encoded
    assert sig_structure(payload) == golden_statement.sig_structure(payload)


@given(st.binary(max_size=600))
def test_any_bytes_are_refused_with_a_field(data: bytes) -> None:
    with pytest.raises(FieldError) as caught:
        parse(data, "statement 7")
    assert str(caught.value).startswith("statement 7: ") and "\n" not in str(caught.value)


@given(st.data())
def test_any_splice_of_a_statement_is_refused(data: st.DataObject) -> None:
    """Bytes removed, repeated or inserted anywhere."""
    at = st.integers(0, len(good()))
    start, end = sorted(data.draw(st.tuples(at, at)))
    insert = data.draw(st.binary(max_size=40))
    spliced = good()[:start] + insert + good()[end:]
    if spliced == good():
        return
    try:
        found = parse(spliced)
    except FieldError:
        return
    assert len(spliced) == len(good()) and found.encoded == spliced
    assert not found.signed_by(golden.Chip(b"", CHIP_SEED).public_key)


def test_every_byte_matters() -> None:
    """Each byte of a statement flipped: refused in the field it belongs to, or the signature fails."""
    key = golden.Chip(b"", CHIP_SEED).public_key
    refused = 0
    for at in range(len(good())):
        spoilt = good()[:at] + bytes([good()[at] ^ 0x40]) + good()[at + 1 :]
        try:
            found = parse(spoilt)
        except FieldError as error:
            refused += 1
            assert error.field == field_at(at)
        else:
            assert found.encoded == spoilt
            assert not found.signed_by(key)
    slots = sum(claim.size for claim in SLOTS if not claim.enumerated) + 64
    assert refused == len(good()) - slots, "what is outside the slots and the signature, and the enumerations"


def test_the_untouched_statement_is_signed() -> None:
    found = parse(good())
    assert found.signed_by(golden.Chip(b"", CHIP_SEED).public_key)
    assert not found.signed_by(golden.Chip(b"", bytes(32)).public_key)


def test_truncated_at_every_length() -> None:
    for length in range(len(good())):
        with pytest.raises(FieldError):
            parse(good()[:length])


@pytest.mark.parametrize("claim", SLOTS, ids=lambda claim: claim.name)
def test_a_missing_claim_is_named(claim: object) -> None:
    with pytest.raises(FieldError) as caught:
        parse(changed_claims(remove=(claim.key,)))
    assert caught.value.field == claim.name
    assert caught.value.found == "none"


@pytest.mark.parametrize("claim", layout().claims, ids=lambda claim: claim.name)
@pytest.mark.parametrize("value", [None, True, -1, 24, "x", b"", bytes(64), [], {1: 2}], ids=repr)
def test_a_claim_of_another_type_is_named(claim: object, value: object) -> None:
    with pytest.raises(FieldError) as caught:
        parse(changed_claims({claim.key: value}))
    assert caught.value.field == claim.name


@pytest.mark.parametrize("kind", [0, 8, 23])
def test_unknown_kinds(kind: int) -> None:
    with pytest.raises(FieldError) as caught:
        parse(changed_claims({-65537: kind}))
    assert caught.value.field == "kind" and "3 precommit" in caught.value.expected


def test_causes_that_do_not_exist() -> None:
    for cause in set(range(24)) - set(Cause):
        with pytest.raises(FieldError) as caught:
            parse(changed_claims({-65544: cause}))
        assert caught.value.field == "cause"


@pytest.mark.parametrize("lifecycle", [0, 4, 7, 23])
def test_lifecycles_that_no_signing_chip_has(lifecycle: int) -> None:
    with pytest.raises(FieldError) as caught:
        parse(changed_claims({-65555: lifecycle}))
    assert caught.value.field == "lifecycle" and "1 development" in caught.value.expected


@pytest.mark.parametrize("key", [0, 1, 11, -1, -65558, -65536, "nonce", b"x"], ids=repr)
def test_an_unknown_claim_is_refused(key: object) -> None:
    with pytest.raises(FieldError, match="only the claims"):
        parse(changed_claims({key: 1}))


def not_canonical() -> dict[str, bytes]:
    payload = golden_statement.payload(values_of(good()))
    signature = good()[-64:]
    longer = payload.replace(b"\x19\x01\x00\x51", b"\x1a\x00\x00\x01\x00\x51", 1)
    first, rest = payload[1:36], payload[36:]
    return {
        "longer head of a key": unsigned(longer),
        "duplicate key": unsigned(bytes([payload[0] + 1]) + first + first + rest),
        "misordered keys": unsigned(payload[:1] + payload[36:57] + first + payload[57:]),
        "indefinite map": unsigned(b"\xbf" + payload[1:] + b"\xff"),
        "bytes behind": good() + b"\x00",
        "no tag": good()[1:],
        "another tag": b"\xd1" + good()[1:],
        "tag in its longer form": b"\xd8\x12" + good()[1:],
        "array of 5": cbor.encode(cbor.Tag(18, [PROTECTED, {}, payload, signature, b""])),
        "another algorithm": cbor.encode(cbor.Tag(18, [cbor.encode({1: -7}), {}, payload, signature])),
        "unprotected header": cbor.encode(cbor.Tag(18, [PROTECTED, {4: b"kid"}, payload, signature])),
        "detached payload": cbor.encode(cbor.Tag(18, [PROTECTED, {}, None, signature])),
        "short signature": cbor.encode(cbor.Tag(18, [PROTECTED, {}, payload, signature[:63]])),
        "payload is no map": unsigned(cbor.encode([1])),
        "payload with bytes behind": unsigned(payload + b"\x00"),
    }


@pytest.mark.parametrize("name", not_canonical())
def test_other_encodings_of_the_same_facts_are_refused(name: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse(not_canonical()[name], "statement 1")
    assert caught.value.exit_code == 1


def test_json_has_every_claim() -> None:
    said = parse(good()).as_json()
    assert list(said) == [claim.name for claim in layout().claims]
    assert said["kind"] == "snapshot" and said["cause"] == "random" and said["pages"] == 3
    assert said["lifecycle"] == "development" and said["configuration"] == new_chip().configuration.hex()


def test_chain_is_the_golden_one() -> None:
    statements: list[Statement] = [parse(data) for data in honest().statements.values()]
    assert chain_after(statements[:-1]) == statements[-1].chain
    assert statements[0].chain == golden.ZEROS
