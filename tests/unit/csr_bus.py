"""Byte-wide CSR accesses from tests, as the chip's Wishbone bridge makes them for a 32-bit access."""

from sim.rtl.block import VerilatedBlock


class CsrBus:
    """A verilated RegisterPeripheral and its registers by name."""

    def __init__(self, component, **options):
        self.block = VerilatedBlock(component, **options)
        self._offsets = {str(info.path[-1][0]): info.start for info in component.bus.memory_map.all_resources()}

    def address(self, name: str) -> int:
        """Byte address of a register within the peripheral."""
        return self._offsets[name]

    def read(self, name: str, width: int = 4) -> int:
        """Reads `width` bytes, a cycle each."""
        value = 0
        self.block.set("bus__r_stb", 1)
        for index in range(width):
            self.block.set("bus__addr", self._offsets[name] + index)
            self.block.step()
            value |= self.block.get("bus__r_data") << 8 * index
        self.block.set("bus__r_stb", 0)
        return value

    def write(self, name: str, value: int, width: int = 4) -> None:
        """Writes `width` bytes, a cycle each, and one cycle more."""
        self.block.set("bus__w_stb", 1)
        for index in range(width):
            self.block.set_all({"bus__addr": self._offsets[name] + index, "bus__w_data": value >> 8 * index & 0xFF})
            self.block.step()
        self.block.set("bus__w_stb", 0)
        self.block.step()
