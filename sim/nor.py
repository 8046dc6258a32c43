"""A serial NOR flash, after Winbond's W25Q32JV (sections 7 and 8 of its data sheet), byte by byte. No dependency on a
simulator: it is wherever bytes, chip select and time come from. Geometry and JEDEC id: formats/flash.py.

Transactions. The part is selected from a byte's exchange on until `deselect`; the bytes of one such time are a
transaction, its first byte the command. An answer depends on earlier bytes alone, since both directions move at once.
Where nothing else is said the part answers IDLE (its output floats, and is pulled up).

| command | | bytes behind it | what it does |
|---|---|---|---|
| 06 | write enable | none | sets the write enable latch |
| 04 | write disable | none | clears it |
| 05 | read status | any | answers the status to each byte behind it: bit 0 busy, bit 1 write enable latch |
| 03 | read | 3 address, any | answers the bytes from the address on, after the memory's last its first |
| 0B | fast read | 3 address, 1 ignored, any | the same |
| 02 | page program | 3 address, 1 or more data | programs, at `deselect` |
| 20 | sector erase | 3 address | erases, at `deselect` |
| 9F | JEDEC id | any | answers the id's three bytes, then IDLE |
| 66 | enable reset | none | the next transaction may be a reset |
| 99 | reset | none | straight after 66: clears the write enable latch; takes no time |
| AB | release power-down | any | nothing: this part is always awake |

Everything with an effect has it at `deselect`, and only if the transaction has exactly the bytes of the table: 06,
04, 20, 66 and 99 with more bytes, and 20 and 02 with fewer, do nothing. Other commands do nothing. Addresses are
big-endian; bits above the memory's size are ignored.

Page program and sector erase do nothing unless the write enable latch is set. Both clear it when they end, not
before.
* Page program: data go into a buffer of PROGRAM_BYTES bytes, from the address's place in its page on; behind the
  page's last byte comes its first, and a later byte replaces an earlier one. Then each byte of the page that has data
  becomes itself AND its data. Bits are never set.
* Sector erase: the SECTOR_BYTES bytes of the sector that the address lies in become FF.

Busy. The part is busy for program_cycles or erase_cycles cycles (`tick`) from such a `deselect` on. It ignores every
transaction but 05 that begins while it is busy, to its end, even if it is no longer busy then. That holds for 66 and
99 too; the real part would break off what it does, so firmware waits before it resets. Any other transaction between
66 and 99, be it ignored, unknown or of the wrong size, undoes the 66.

Power. `cut_at` N: the N-th program or erase that takes place, from 1, is torn: `tick` raises PowerLost once half of
its busy time, rounded down, has passed, and the memory then holds
* of a program: a random subset of the bits that it had to clear is cleared, the others keep their old value;
* of an erase: a random subset of the bits of the sector that were 0 is set, the others keep their old value.
The subset has each bit with the same probability, which is itself drawn from 0 to 1, both from cut_seed. Bytes that
the operation does not touch stay. What a bit reads as does not change from one read to the next (a real cell that is
half programmed may). After PowerLost everything raises it; a new Nor on the same content is the part at its next
power-on: latch clear, not busy.
"""

import random

from formats.flash import ADDRESS_BYTES, FLASH_BYTES, JEDEC_ID, PROGRAM_BYTES, SECTOR_BYTES
from formats.flash import FlashCommand as Command

IDLE = 0xFF
BUSY = 1 << 0
WRITE_ENABLED = 1 << 1

PROGRAM_CYCLES = 1000
ERASE_CYCLES = 20_000


_KNOWN = frozenset(map(int, Command))


class PowerLost(Exception):
    """The part has no power: the program or erase that was chosen for it was cut short."""


class Nor:
    """One part, from its power-on. The module's docstring says what it does.

    content: FLASH_BYTES bytes, used in place; erased if it is not given. program_cycles, erase_cycles: busy times.
    cut_at, cut_seed: which operation is torn, if any, and how. Raises ValueError for content of another size, and for
    busy times below 1.
    """

    def __init__(
        self,
        content: bytearray | None = None,
        *,
        program_cycles: int = PROGRAM_CYCLES,
        erase_cycles: int = ERASE_CYCLES,
        cut_at: int | None = None,
        cut_seed: int = 0,
    ) -> None:
        self.content = bytearray(b"\xff") * FLASH_BYTES if content is None else content
        if len(self.content) != FLASH_BYTES:
            raise ValueError(f"a part with {len(self.content)} bytes, not {FLASH_BYTES}")
        if min(program_cycles, erase_cycles) < 1:
            raise ValueError(f"busy for {program_cycles} and {erase_cycles} cycles, not 1 or more")
        self.program_cycles = program_cycles
        self.erase_cycles = erase_cycles
        self.cut_at = cut_at
        self.operations = 0
        """Programs and erases that took place since power-on, the torn one too."""
        self.busy = 0
        """Cycles until the operation in progress ends."""
        self._random = random.Random(cut_seed)
        self._write_enabled = False
        self._reset_enabled = False
        self._cut_in: int | None = None
        self._lost = False
        self._received = 0
        self._command = 0
        self._ignored = False
        self._address = 0
        self._buffer: dict[int, int] = {}

    @property
    def status(self) -> int:
        """The status register: BUSY, WRITE_ENABLED."""
        return (BUSY if self.busy else 0) | (WRITE_ENABLED if self._write_enabled else 0)

    def answer(self) -> int:
        """The byte that goes out while the next one comes in. Raises PowerLost."""
        self._check_power()
        behind = self._received - 1
        if behind < 0 or self._ignored:
            return IDLE
        if self._command == Command.READ_STATUS:
            return self.status
        if self._command == Command.JEDEC_ID and behind < len(JEDEC_ID):
            return JEDEC_ID[behind]
        skipped = {Command.READ: ADDRESS_BYTES, Command.FAST_READ: ADDRESS_BYTES + 1}.get(Command(self._command))
        if skipped is not None and behind >= skipped:
            return self.content[(self._address + behind - skipped) % FLASH_BYTES]
        return IDLE

    def exchange(self, byte: int) -> int:
        """A byte to the part, selecting it; returns its `answer`. Raises PowerLost."""
        answer = self.answer()
        if self._received == 0:
            self._command = byte
            self._ignored = byte not in _KNOWN or (self.busy > 0 and byte != Command.READ_STATUS)
            self._address = 0
            self._buffer = {}
        elif self._received <= ADDRESS_BYTES:
            self._address = self._address << 8 | byte
        elif self._command == Command.PAGE_PROGRAM:
            data = self._received - 1 - ADDRESS_BYTES
            self._buffer[(self._address + data) % PROGRAM_BYTES] = byte
        self._received += 1
        return answer

    def deselect(self) -> None:
        """Ends the transaction, which takes effect now; nothing if there is none. Raises PowerLost."""
        self._check_power()
        received, self._received = self._received, 0
        if not received:
            return
        reset_enabled, self._reset_enabled = self._reset_enabled, False
        if self._ignored:
            return
        alone = received == 1
        match self._command:
            case Command.WRITE_ENABLE if alone:
                self._write_enabled = True
            case Command.WRITE_DISABLE if alone:
                self._write_enabled = False
            case Command.ENABLE_RESET if alone:
                self._reset_enabled = True
            case Command.RESET if alone and reset_enabled:
                self._write_enabled = False
            case Command.PAGE_PROGRAM if self._buffer and self._write_enabled:
                page = self._address % FLASH_BYTES // PROGRAM_BYTES * PROGRAM_BYTES
                programmed = {page + at: self.content[page + at] & data for at, data in self._buffer.items()}
                self._begin(programmed, self.program_cycles)
            case Command.SECTOR_ERASE if received == 1 + ADDRESS_BYTES and self._write_enabled:
                sector = self._address % FLASH_BYTES // SECTOR_BYTES * SECTOR_BYTES
                self._begin(dict.fromkeys(range(sector, sector + SECTOR_BYTES), 0xFF), self.erase_cycles)

    def tick(self, cycles: int) -> None:
        """Time passes. Raises PowerLost if power fails in it."""
        self._check_power()
        if self._cut_in is not None:
            self._cut_in -= cycles
            if self._cut_in <= 0:
                self._lost = True
                raise PowerLost
        if self.busy:
            self.busy = max(0, self.busy - cycles)
            if not self.busy:
                self._write_enabled = False

    def _check_power(self) -> None:
        if self._lost:
            raise PowerLost

    def _begin(self, wanted: dict[int, int], cycles: int) -> None:
        """Nobody can read the memory while the part is busy, so it changes at once."""
        self.operations += 1
        self.busy = cycles
        torn = self.operations == self.cut_at
        if torn:
            self._cut_in = cycles // 2
        probability = self._random.random()
        for at, value in wanted.items():
            changes = self.content[at] ^ value
            if torn:
                changes &= sum(1 << bit for bit in range(8) if self._random.random() < probability)
            self.content[at] ^= changes
