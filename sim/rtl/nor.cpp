#include "nor.hpp"

namespace {

enum Command : uint8_t {
    IGNORED = 0x00,  // As all that are not here.
    PROGRAM = 0x02,
    READ = 0x03,
    WRITE_DISABLE = 0x04,
    READ_STATUS = 0x05,
    WRITE_ENABLE = 0x06,
    FAST_READ = 0x0B,
    ERASE = 0x20,
    ENABLE_RESET = 0x66,
    RESET = 0x99,
    READ_JEDEC_ID = 0x9F,
};

constexpr uint64_t ID_BYTES = 3, ADDRESS_END = 4;  // Behind the command and three bytes of address.
constexpr uint8_t IDLE = 0xFF;

}  // namespace

Nor::Nor(const std::string& path, const Settings& settings)
    : file(path, FLASH_BYTES, 0xFF), settings(settings), chance(settings.cut_seed) {}

uint8_t Nor::transfer(uint64_t cycle, uint8_t byte, bool last) {
    if (position == 0) {
        command = busy(cycle) && byte != READ_STATUS ? IGNORED : byte;
        address = 0;
        page.fill(0xFF);
    }
    const uint8_t result = answer(cycle, byte);
    ++position;
    if (last) {
        execute(cycle);
        position = 0;
    }
    return result;
}

// The write-enable latch falls when what it enabled is done.
bool Nor::busy(uint64_t cycle) {
    if (changing && cycle >= busy_until) changing = write_enabled = false;
    return changing;
}

uint8_t Nor::answer(uint64_t cycle, uint8_t byte) {
    if (position == 0) return IDLE;
    if (command == READ_STATUS) return static_cast<uint8_t>(busy(cycle) | write_enabled << 1);
    if (command == READ_JEDEC_ID)
        return position > ID_BYTES ? IDLE : static_cast<uint8_t>(JEDEC_ID >> 8 * (ID_BYTES - position));
    if (position < ADDRESS_END) {
        address = (address << 8 | byte) % FLASH_BYTES;
        return IDLE;
    }
    const uint64_t index = position - ADDRESS_END;
    if (command == READ) return file.bytes()[(address + index) % FLASH_BYTES];
    if (command == FAST_READ && index) return file.bytes()[(address + index - 1) % FLASH_BYTES];
    page[(address + index) % PROGRAM_BYTES] = byte;
    return IDLE;
}

void Nor::execute(uint64_t cycle) {
    const bool alone = position == 1;
    const bool resetting = command == RESET && alone && reset_enabled;
    reset_enabled = command == ENABLE_RESET && alone;
    if (resetting) {
        write_enabled = false;
    } else if (alone && (command == WRITE_ENABLE || command == WRITE_DISABLE)) {
        write_enabled = command == WRITE_ENABLE;
    } else if (write_enabled && command == PROGRAM && position > ADDRESS_END) {
        change(cycle, address - address % PROGRAM_BYTES, PROGRAM_BYTES, false);
    } else if (write_enabled && command == ERASE && position == ADDRESS_END) {
        change(cycle, address - address % SECTOR_BYTES, SECTOR_BYTES, true);
    }
}

// A change that power loss interrupts has reached a random part of its bits: none, all, or any share between.
void Nor::change(uint64_t cycle, size_t at, size_t size, bool erase) {
    const uint64_t cycles = erase ? settings.erase_cycles : settings.program_cycles;
    const bool torn = ++changes == settings.cut_at;
    changing = true;
    busy_until = cycle + cycles;
    if (torn) cut_cycle = cycle + cycles / 2;
    const uint64_t share = chance.next() % 257;
    for (size_t i = 0; i < size; ++i) {
        uint8_t reached = 0xFF;
        for (int bit = 0; torn && bit < 8; ++bit)
            if (chance.next() % 256 >= share) reached ^= static_cast<uint8_t>(1 << bit);
        uint8_t& byte = file.bytes()[at + i];
        byte = static_cast<uint8_t>(erase ? byte | reached : byte & (page[i] | ~reached));
    }
}
