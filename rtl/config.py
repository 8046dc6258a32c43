"""Named chip configurations: the only place where sizes and foldings are chosen."""

from dataclasses import dataclass

from formats.hashing import PAGE_BYTES, WORD_BYTES


@dataclass(frozen=True)
class Config:
    """Parameters of a LivetrapSoC.

    weight_bytes: accelerator memory, all of it the snapshot region.
    page_bytes: of a leaf of the Merkle tree. ValueError unless they are whole words and divide weight_bytes.
    rom_bytes, sram_bytes: powers of two.
    rounds_per_cycle: of the snapshot engine's Keccak (1 or 2).
    slices_per_cycle: of the folded Keccaks in ingest and in the trigger (8, 16 or 32). ValueError if fewer: the
        trigger would not have a block of 13 draws every 13 ticks, and trials would be lost.
    boundary_timeout: cycles that a latched trigger waits for a descriptor boundary before it forces a capture.
    trigger_rate: the random trigger's rate at boot, per tick and in units of 2**-64.
    """

    name: str
    weight_bytes: int
    page_bytes: int = PAGE_BYTES
    rom_bytes: int = 64 * 1024
    sram_bytes: int = 64 * 1024
    rounds_per_cycle: int = 1
    slices_per_cycle: int = 8
    boundary_timeout: int = 65536
    trigger_rate: int = 1 << 40

    def __post_init__(self) -> None:
        if self.page_bytes % WORD_BYTES or self.weight_bytes % self.page_bytes:
            raise ValueError(
                f"{self.weight_bytes} bytes of weights, {self.page_bytes} bytes in a page: "
                f"a page is a whole number of {WORD_BYTES}-byte words, and the weights of pages"
            )
        if self.slices_per_cycle < 8:
            raise ValueError(f"{self.slices_per_cycle} slices a cycle: the trigger needs at least 8 to draw in time")

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
        Config("tiny", weight_bytes=32 * 1024, rom_bytes=32 * 1024, sram_bytes=32 * 1024),
        Config("test", weight_bytes=20 * 1024),
    )
}
