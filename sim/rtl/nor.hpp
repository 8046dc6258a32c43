// A SPI NOR flash of FLASH_BYTES (formats/flash.py), byte by byte: what sim/nor.py says, over a file.

#pragma once

#include "device_file.hpp"
#include "split_mix.hpp"

#include <array>

class Nor {
  public:
    struct Settings {
        uint64_t program_cycles = 1000, erase_cycles = 20000;
        // Power is lost in the middle of this program or erase, counted from 1; 0 is never. cut_seed: of the bits
        // that have changed until then.
        uint64_t cut_at = 0, cut_seed = 0;
    };

    // path: as of DeviceFile; a file that is made is erased.
    Nor(const std::string& path, const Settings& settings);

    // A byte to the part at `cycle`; returns the part's. It is selected by the first byte, deselected after `last`.
    uint8_t transfer(uint64_t cycle, uint8_t byte, bool last);

    // The cycle at which power is lost, as far as that is known: UINT64_MAX is never. The file is torn already.
    uint64_t power_off() const { return cut_cycle; }

  private:
    bool busy(uint64_t cycle);
    uint8_t answer(uint64_t cycle, uint8_t byte);
    void execute(uint64_t cycle);
    void change(uint64_t cycle, size_t at, size_t size, bool erase);

    DeviceFile file;
    const Settings settings;
    SplitMix64 chance;
    uint64_t changes = 0, busy_until = 0, cut_cycle = UINT64_MAX;
    bool changing = false, write_enabled = false, reset_enabled = false;
    // Of the current selection: bytes so far, its command, and what came with it.
    uint64_t position = 0;
    uint8_t command = 0;
    uint32_t address = 0;
    std::array<uint8_t, PROGRAM_BYTES> page{};
};
