"""The log server: what it stores, refuses and signs; and what a broken or hostile client can do to it."""

import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.errors import EvidenceError, LinkError, LivetrapError
from host.evidence import cbor, receipt
from host.logserver import messages
from host.logserver.client import LogServerClient, LogServerUnavailable
from host.logserver.messages import Answer, LogServerRefusal, Submission
from host.logserver.server import LogServer
from host.logserver.store import Store
from sim.golden import chip as golden
from sim.golden import statement as golden_statement
from tests.evidence_story import MAKER_KEY, certified, forged, honest, values_of

STATEMENTS = list(honest().statements.values())
CERTIFICATE = honest().certificate
UEID = honest().ueid
SNAPSHOTS = [1, 2, 4, 5, 7]


class Signatures:
    """Counts, and signs with a number: what HSS adds is tested elsewhere."""

    def __init__(self) -> None:
        self.made = 0
        self.broken = False

    def sign(self, message: bytes) -> bytes:
        if self.broken:
            raise EvidenceError("the key has made all its signatures")
        self.made += 1
        return self.made.to_bytes(24, "big")


@pytest.fixture
def signatures() -> Signatures:
    return Signatures()


@pytest.fixture
def store(tmp_path: Path, signatures: Signatures) -> Iterator[Store]:
    with Store(tmp_path / "log.sqlite", signatures.sign, MAKER_KEY) as store:
        yield store


def submission(*seqs: int, statements: list[bytes] = STATEMENTS) -> Submission:
    return Submission(CERTIFICATE, [statements[seq] for seq in seqs])


def rows(tmp_path: Path, table: str) -> list[tuple[object, ...]]:
    return sqlite3.connect(tmp_path / "log.sqlite").execute(f"SELECT * FROM {table}").fetchall()


def refused(store: Store, sent: Submission, status: int, words: str) -> LogServerRefusal:
    with pytest.raises(LogServerRefusal, match=words) as caught:
        store.accept(sent)
    assert caught.value.status == status and "\n" not in str(caught.value)
    return caught.value


def test_a_receipt_for_each_snapshot(store: Store, signatures: Signatures) -> None:
    assert store.next_of(UEID) is None
    answer = store.accept(submission(*range(9)))
    assert answer.next == store.next_of(UEID) == 9 and list(answer.receipts) == SNAPSHOTS
    for seq, made in answer.receipts.items():
        found = receipt.parse(made)
        assert (found.ueid, found.seq, found.digest) == (UEID, seq, receipt.digest_of(STATEMENTS[seq]))
    assert signatures.made == 5


def test_the_same_statement_gets_the_same_receipt(store: Store, signatures: Signatures) -> None:
    first = store.accept(submission(0, 1, 2))
    again = store.accept(submission(1, 2))
    assert again.receipts == first.receipts and again.next == 3 and signatures.made == 2
    mixed = store.accept(submission(2, 3, 4))
    assert mixed.receipts[2] == first.receipts[2] and mixed.next == 5 and signatures.made == 3


def test_it_survives_a_restart(tmp_path: Path, signatures: Signatures) -> None:
    path = tmp_path / "log.sqlite"
    with Store(path, signatures.sign, MAKER_KEY) as store:
        first = store.accept(submission(0, 1))
    with Store(path, signatures.sign, MAKER_KEY) as store:
        assert store.next_of(UEID) == 2
        assert store.accept(submission(1)).receipts == first.receipts
        assert store.accept(submission(2)).next == 3
    assert signatures.made == 2


def test_a_gap_is_refused(store: Store) -> None:
    store.accept(submission(0))
    assert refused(store, submission(2), 409, "the next one must be 1").next == 1
    assert store.next_of(UEID) == 1
    refused(store, submission(1, 3), 409, "the next one must be 2")
    assert store.next_of(UEID) == 2, "what stood before the gap stays"


def test_a_chip_may_have_forgotten_what_came_before(store: Store) -> None:
    assert store.accept(submission(4, 5)).next == 6
    refused(store, submission(3), 409, "the next one must be 6")


def test_statement_0_begins_the_chain(store: Store) -> None:
    begun = golden_statement.encode({**values_of(STATEMENTS[0]), "chain": b"\x11" * 32}, bytes(range(64, 96)))
    refused(store, Submission(CERTIFICATE, [begun]), 403, "its chain is not zeros")
    assert store.next_of(UEID) is None


def test_a_second_statement_of_a_seq_is_a_fork(store: Store, signatures: Signatures, tmp_path: Path) -> None:
    kept = store.accept(submission(0, 1, 2))
    others = list(forged(honest(), {1: {"ticks": 12345}}).statements.values())
    refused(store, submission(1, statements=others), 409, "two histories")
    assert rows(tmp_path, "forks") == [(UEID, 1, others[1], "another with this seq is stored")]
    refused(store, submission(1, statements=others), 409, "two histories")
    assert len(rows(tmp_path, "forks")) == 1 and len(rows(tmp_path, "statements")) == 3
    refused(store, submission(3), 409, "two histories")
    assert store.accept(submission(2)).receipts[2] == kept.receipts[2]
    assert signatures.made == 2


def test_a_chain_over_others_is_a_fork(store: Store, tmp_path: Path) -> None:
    others = list(forged(honest(), {1: {"ticks": 12345}}).statements.values())
    store.accept(submission(0, 1))
    refused(store, submission(2, statements=others), 409, "two histories")
    assert rows(tmp_path, "forks")[0][1:3] == (2, others[2])
    assert store.next_of(UEID) == 2


@pytest.mark.parametrize(
    "sent, words",
    [
        (Submission(b"", STATEMENTS[:1]), "chain"),
        (Submission(certified(golden.Chip(bytes(16), bytes(32))), STATEMENTS[:1]), "ueid"),
        (Submission(CERTIFICATE, [STATEMENTS[0][:-1]]), "COSE_Sign1"),
        (Submission(CERTIFICATE, [STATEMENTS[0][:-1] + b"\x00"]), "signature"),
        (Submission(CERTIFICATE, list(forged(honest(), {}, bytes(32)).statements.values())[:1]), "signature"),
        (Submission(CERTIFICATE, [forged(honest(), {0: {"configuration": bytes(32)}}).statements[0]]), "configur"),
        (Submission(CERTIFICATE, [forged(honest(), {0: {"seq": 2**63 - 1}}).statements[0]]), "seq"),
    ],
)
def test_what_is_not_the_certified_chips(store: Store, sent: Submission, words: str, tmp_path: Path) -> None:
    refused(store, sent, 403, words)
    assert rows(tmp_path, "chips") == rows(tmp_path, "statements") == []


def test_another_root(tmp_path: Path, signatures: Signatures) -> None:
    with Store(tmp_path / "log.sqlite", signatures.sign, b"\x11" * 32) as store:
        refused(store, submission(0), 403, "maker: key")


def test_without_a_root_the_first_key_stays(tmp_path: Path, signatures: Signatures) -> None:
    with Store(tmp_path / "log.sqlite", signatures.sign) as store:
        store.accept(submission(0))
        impostor, statement = golden.boot(golden.Chip(UEID[1:], bytes(32)))
        refused(store, Submission(certified(impostor), [statement]), 403, "another key")
        assert store.accept(submission(1)).next == 2


def test_chips_do_not_mix(store: Store) -> None:
    other, statement = golden.boot(golden.Chip(bytes(16), bytes(32)))
    store.accept(submission(0, 1))
    assert store.accept(Submission(certified(other), [statement])).next == 1
    assert (store.next_of(UEID), store.next_of(other.ueid)) == (2, 1)


def test_no_receipt_no_statement(store: Store, signatures: Signatures) -> None:
    """A key that is spent leaves nothing behind, and the next one goes on where it stopped."""
    signatures.broken = True
    with pytest.raises(EvidenceError, match="all its signatures"):
        store.accept(submission(0, 1))
    assert store.next_of(UEID) is None
    signatures.broken = False
    assert store.accept(submission(0, 1)).next == 2


def test_other_databases_are_refused(tmp_path: Path, signatures: Signatures) -> None:
    (tmp_path / "text").write_text("hello " * 100)
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE t (a)")
    for name in ("text", "other", "absent/log"):
        with pytest.raises(EvidenceError):
            Store(tmp_path / name, signatures.sign)


# Over HTTP.


@pytest.fixture
def server(store: Store) -> Iterator[LogServer]:
    server = LogServer(store, "127.0.0.1", 0, seconds=5)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def client(server: LogServer) -> LogServerClient:
    return LogServerClient(server.url, seconds=10)


def raw(server: LogServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection(*server.server_address[:2], timeout=10)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_over_http(client: LogServerClient) -> None:
    assert client.next_of(UEID) is None
    answer = client.submit(submission(0, 1, 2))
    assert answer.next == client.next_of(UEID) == 3 and list(answer.receipts) == [1, 2]
    with pytest.raises(LogServerRefusal, match="the next one must be 3") as caught:
        client.submit(submission(4))
    assert (caught.value.status, caught.value.next, caught.value.exit_code) == (409, 3, 1)


def test_a_server_that_cannot_store(client: LogServerClient, signatures: Signatures) -> None:
    signatures.broken = True
    with pytest.raises(LogServerUnavailable, match="all its signatures"):
        client.submit(submission(0, 1))


def test_what_is_no_request(server: LogServer) -> None:
    big = str(messages.MAX_REQUEST_BYTES + 1)
    assert raw(server, "GET", "/")[0] == 404
    assert raw(server, "POST", "/v1/chips/")[0] == 404
    assert raw(server, "GET", "/v1/chips/zz")[0] == 400
    assert raw(server, "GET", "/v1/chips/" + "00" * 16)[0] == 400
    assert raw(server, "PUT", "/v1/statements")[0] == 501
    assert raw(server, "POST", "/v1/statements", b"junk")[0] == 400
    assert raw(server, "POST", "/v1/statements", **{"Content-Length": "-1"})[0] == 411
    assert raw(server, "POST", "/v1/statements", **{"Content-Length": big})[0] == 413
    status, body = raw(server, "POST", "/v1/statements", cbor.encode({"certificate": b"", "statements": []}))
    assert status == 400 and "deterministic CBOR" in cbor.decode(body)["error"]
    many = Submission(b"", [b""] * (messages.MAX_STATEMENTS + 1)).encode()
    assert raw(server, "POST", "/v1/statements", many)[0] == 400


def test_a_client_that_stops_in_the_middle_is_cut_off(store: Store) -> None:
    server = LogServer(store, "127.0.0.1", 0, seconds=0.3)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with socket.create_connection(server.server_address[:2], timeout=10) as slow:
            slow.sendall(b"POST /v1/statements HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc")
            while slow.recv(4096):
                pass
        assert LogServerClient(server.url).submit(submission(0)).next == 1
    finally:
        server.shutdown()
        server.server_close()


def test_many_at_once_get_one_receipt(client: LogServerClient, signatures: Signatures) -> None:
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(client.submit(submission(0, 1)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 8 and len({answer.receipts[1] for answer in answers}) == 1 and signatures.made == 1


def test_an_address_in_use(server: LogServer, store: Store) -> None:
    with pytest.raises(EvidenceError, match="in use"):
        LogServer(store, *server.server_address[:2])


def test_no_server_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(LogServerUnavailable, match="refused"):
        LogServerClient(f"http://127.0.0.1:{port}").next_of(UEID)


@pytest.mark.parametrize(
    "reply, error",
    [
        (b"", LogServerUnavailable),
        (b"hello\r\n\r\n", LogServerUnavailable),
        (b"HTTP/1.1 500 oh\r\n\r\nno", LogServerUnavailable),
        (b"HTTP/1.1 404 no\r\n\r\nno", LogServerRefusal),
        (b"HTTP/1.1 200 ok\r\n\r\nno", LinkError),
        (b"HTTP/1.1 200 ok\r\n\r\n" + cbor.encode({"next": True, "receipts": {}}), LinkError),
        (b"HTTP/1.1 200 ok\r\n\r\n" + cbor.encode({"next": 1, "receipts": {1: "text"}}), LinkError),
        (b"HTTP/1.1 200 ok\r\n\r\n" + bytes(messages.MAX_ANSWER_BYTES + 1), LinkError),
        (b"HTTP/1.1 409 no\r\n\r\n" + cbor.encode({"error": "two\nlines", "next": 1}), LogServerRefusal),
    ],
)
def test_servers_that_are_none(reply: bytes, error: type[LivetrapError]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(error) as caught:
            LogServerClient(f"http://127.0.0.1:{listener.getsockname()[1]}", seconds=10).next_of(UEID)
        assert "\n" not in str(caught.value)
        thread.join(10)


@pytest.mark.parametrize("url", ["", "host:1", "ftp://host", "http://", "http://host:port", "http://host/path"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(LivetrapError, match="not a log server"):
        LogServerClient(url)


@given(st.binary(max_size=200))
def test_any_body_is_refused(data: bytes) -> None:
    with pytest.raises(LogServerRefusal):
        messages.parse_submission(data)
    with pytest.raises(LinkError):
        messages.parse_answer(data)
    assert messages.parse_refusal(400, data).status == 400


def test_bodies_go_both_ways() -> None:
    sent = Submission(b"chain", [b"one", b"two"])
    assert messages.parse_submission(sent.encode()) == sent
    answer = Answer(7, {3: b"receipt", 300: b"another"})
    assert messages.parse_answer(answer.encode()) == answer
    refusal = LogServerRefusal(409, "a gap", 5)
    found = messages.parse_refusal(409, messages.encode_refusal(refusal))
    assert (found.reason, found.next) == ("a gap", 5)


def test_a_full_submission_is_within_the_bound() -> None:
    full = Submission(bytes(1024), [bytes(messages.STATEMENT_BYTES)] * messages.MAX_STATEMENTS).encode()
    assert len(full) <= messages.MAX_REQUEST_BYTES
    assert all(len(statement) <= messages.STATEMENT_BYTES for statement in STATEMENTS)
