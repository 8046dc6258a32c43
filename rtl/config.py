"""Named chip configurations: the only place where sizes and foldings are chosen."""

from dataclasses import dataclass

from formats.descriptor import MAX_K, TILE
from formats.flash import LOG_OFFSET, MODELLED_PART, SECTOR_BYTES, FlashPart
from formats.hashing import PAGE_BYTES, WORD_BYTES


@dataclass(frozen=True)
class Config:
    """Parameters of a LivetrapSoC.

    weight_bytes: accelerator memory, all of it the snapshot region.
    page_bytes: of a leaf of the Merkle tree. ValueError unless they are whole words and divide weight_bytes.
    rom_bytes, sram_bytes: powers of two.
    flash_part: the kind of flash. log_sectors: of the log in it. flash_offset: of the chip's part of it, a whole
        number of sectors. ValueError unless all of it lies within the flash.
    rounds_per_cycle: of the snapshot engine's Keccak (1 or 2).
    slices_per_cycle: of the folded Keccaks in ingest and in the trigger (8, 16 or 32). ValueError if fewer: the
        trigger would not have a block of 13 draws every 13 ticks, and trials would be lost.
    boundary_timeout: cycles that a latched trigger waits for a descriptor boundary before it forces a capture.
    array_rows, array_columns: of the systolic array; divisors of 8.
    panel_slots: 8-byte slots in each of the two operand buffers; a power of two. ValueError if a panel of the
        largest k does not fit twice.
    loss_lanes: classes that a LOSS operation takes in a cycle: 1, 2, 4 or 8.
    trigger_rate: the random trigger's rate at boot, per tick and in units of 2**-64.
    """

    name: str
    weight_bytes: int
    page_bytes: int = PAGE_BYTES
    rom_bytes: int = 32 * 1024
    sram_bytes: int = 64 * 1024
    flash_part: FlashPart = MODELLED_PART
    log_sectors: int = 512
    flash_offset: int = 0
    rounds_per_cycle: int = 1
    slices_per_cycle: int = 8
    boundary_timeout: int = 65536
    array_rows: int = 8
    array_columns: int = 8
    panel_slots: int = 2048
    loss_lanes: int = 8
    trigger_rate: int = 1 << 40

    def __post_init__(self) -> None:
        if self.page_bytes % WORD_BYTES or self.weight_bytes % self.page_bytes:
            raise ValueError(
                f"{self.weight_bytes} bytes of weights, {self.page_bytes} bytes in a page: "
                f"a page is a whole number of {WORD_BYTES}-byte words, and the weights of pages"
            )
        if self.slices_per_cycle < 8:
            raise ValueError(f"{self.slices_per_cycle} slices a cycle: the trigger needs at least 8 to draw in time")
        if TILE % self.array_rows or TILE % self.array_columns:
            raise ValueError(f"an array of {self.array_rows} x {self.array_columns}: both must divide {TILE}")
        if self.panel_slots < 2 * MAX_K or self.panel_slots & (self.panel_slots - 1):
            raise ValueError(f"{self.panel_slots} panel slots: a power of two of at least {2 * MAX_K} is needed")
        end = self.flash_offset + LOG_OFFSET + self.log_sectors * SECTOR_BYTES
        if self.flash_offset % SECTOR_BYTES or self.log_sectors < 2 or end > self.flash_part.size:
            raise ValueError(
                f"{self.log_sectors} log sectors at flash offset {self.flash_offset:#x}: at least 2 are needed, "
                f"from a sector's first byte and within {self.flash_part.size} bytes"
            )

    @property
    def pages(self) -> int:
        """Pages of accelerator memory: leaves of the Merkle tree."""
        return self.weight_bytes // self.page_bytes

    @property
    def weight_words(self) -> int:
        """64-bit words of accelerator memory."""
        return self.weight_bytes // WORD_BYTES


CONFIGS = {
    config.name: config
    for config in (
        Config("full", weight_bytes=128 * 1024),
        Config(
            "tiny",
            weight_bytes=32 * 1024,
            log_sectors=128,
            array_rows=2,
            array_columns=4,
            panel_slots=512,
            loss_lanes=1,
        ),
        Config("test", weight_bytes=20 * 1024, log_sectors=16, panel_slots=512),
    )
}
