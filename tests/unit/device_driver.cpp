// The emulator's flash and fuses without a chip, for tests/unit/test_emulated_devices.py.
//
// usage: driver nor FILE PROGRAM_CYCLES ERASE_CYCLES CUT_AT CUT_SEED, or driver otp FILE; lines on standard input.
// nor: "cycle byte last", answered by the byte that comes back; ends when there is no power, with exit code 4.
// otp: "address byte", burnt; answered by the byte then.

#include "nor.hpp"
#include "otp.hpp"
#include "usage_error.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

int drive_nor(char** arguments) {
    Nor::Settings settings;
    settings.program_cycles = std::strtoull(arguments[3], nullptr, 10);
    settings.erase_cycles = std::strtoull(arguments[4], nullptr, 10);
    settings.cut_at = std::strtoull(arguments[5], nullptr, 10);
    settings.cut_seed = std::strtoull(arguments[6], nullptr, 10);
    Nor nor(arguments[2], settings);
    unsigned long long cycle;
    unsigned byte, last;
    while (std::scanf("%llu %u %u", &cycle, &byte, &last) == 3) {
        if (cycle >= nor.power_off()) return 4;
        std::printf("%u\n", nor.transfer(cycle, static_cast<uint8_t>(byte), last));
    }
    return nor.power_off() == UINT64_MAX ? 0 : 4;
}

int drive_otp(char** arguments) {
    Otp otp(arguments[2]);
    unsigned address, byte;
    while (std::scanf("%u %u", &address, &byte) == 2) {
        otp.burn(address, static_cast<uint8_t>(byte));
        std::printf("%u\n", otp[address]);
    }
    return 0;
}

}  // namespace

int main(int, char** arguments) {
    try {
        return arguments[1] == std::string("nor") ? drive_nor(arguments) : drive_otp(arguments);
    } catch (const UsageError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
