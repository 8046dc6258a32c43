"""What the independent SMP client does with any chip, emulated or in Python."""

from smpclient import SMPClient
from smpclient.generics import error_v2, success
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead

from formats.link import PACKET_BYTES, USER_GROUP, ChipError
from host.evidence.statement import parse

from .smp_peer import AttestWrite, InfoRead, MemoryRead, MemoryWrite, StatementRead


async def converse(client: SMPClient) -> None:
    """Standard group, own group, and refusals, each checked."""
    for text in ("", "livetrap", "x" * 700):
        echo = await client.request(EchoWrite(d=text))
        assert success(echo) and echo.r == text
    parameters = await client.request(MCUMgrParametersRead())
    assert success(parameters) and parameters.buf_size >= PACKET_BYTES and parameters.buf_count >= 1

    info = await client.request(InfoRead())
    assert success(info) and info.pages * info.page_size >= 4096

    data = bytes(range(1, 101)) * 8
    written = await client.request(MemoryWrite(addr=64, data=data, id=7))
    assert success(written) and written.records >= 1
    read = await client.request(MemoryRead(addr=64, len=len(data)))
    assert success(read) and read.data == data

    nonce = bytes(range(32))
    attested = await client.request(AttestWrite(nonce=nonce))
    assert success(attested)
    statement = await client.request(StatementRead(seq=attested.seq))
    assert success(statement)
    head = parse(statement.data)
    assert (head.seq, head.nonce, head.ueid) == (attested.seq, nonce, info.ueid)
    assert head.signed_by(info.key)

    for request, code in (
        (StatementRead(seq=10**6), ChipError.NOT_FOUND),
        (MemoryRead(addr=3, len=8), ChipError.MISALIGNED),
        (MemoryRead(addr=1 << 31, len=8), ChipError.OUT_OF_RANGE),
        (MemoryRead(addr=0, len=1 << 20), ChipError.TOO_LARGE),
    ):
        refused = await client.request(request)
        assert error_v2(refused) and (refused.err.group, refused.err.rc) == (USER_GROUP, code)
