"""An independent SMP client (smpclient), with commands of the chip's own group described in its terms."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from smp import error, message
from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialTransport

from formats.link import USER_GROUP, ChipError, Command

Result = TypeVar("Result")


class ErrorV1(error.ErrorV1):
    _GROUP_ID = USER_GROUP


class ErrorV2(error.ErrorV2[ChipError]):
    _GROUP_ID = USER_GROUP


class _ChipGroup:
    _ErrorV1 = ErrorV1
    _ErrorV2 = ErrorV2


class InfoResponse(message.ReadResponse):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.INFO
    ueid: bytes
    key: bytes
    firmware: bytes
    version: int
    config: str
    pages: int
    page_size: int
    map: int
    bootcount: int
    seq: int
    first: int
    capacity: int


class InfoRead(_ChipGroup, message.ReadRequest):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.INFO
    _Response = InfoResponse


class AttestResponse(message.WriteResponse):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.ATTEST
    seq: int


class AttestWrite(_ChipGroup, message.WriteRequest):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.ATTEST
    _Response = AttestResponse
    nonce: bytes


class StatementResponse(message.ReadResponse):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.STATEMENT
    seq: int
    data: bytes


class StatementRead(_ChipGroup, message.ReadRequest):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.STATEMENT
    _Response = StatementResponse
    seq: int


class MemoryWriteResponse(message.WriteResponse):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.MEMORY
    records: int


class MemoryWrite(_ChipGroup, message.WriteRequest):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.MEMORY
    _Response = MemoryWriteResponse
    addr: int
    data: bytes
    id: int | None = None


class MemoryReadResponse(message.ReadResponse):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.MEMORY
    addr: int
    data: bytes | None = None
    zeros: int | None = None


class MemoryRead(_ChipGroup, message.ReadRequest):
    _GROUP_ID, _COMMAND_ID = USER_GROUP, Command.MEMORY
    _Response = MemoryReadResponse
    addr: int
    len: int


def with_client(port: str, act: Callable[[SMPClient], Awaitable[Result]], timeout: float = 30.0) -> Result:
    """Connects an SMPClient to a serial port or pty, and runs `act` with it."""

    async def run() -> Result:
        async with SMPClient(SMPSerialTransport(), port, timeout_s=timeout) as client:
            return await act(client)

    return asyncio.run(run())
