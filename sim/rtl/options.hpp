// The emulator's command line, and the files that it names.

#pragma once

#include "nor.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

constexpr int EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CYCLE_LIMIT = 3, EXIT_POWER_CUT = 4;

struct Options {
    std::string rom, flash, otp, script, record, trace;
    uint64_t seed = 0, noise_stuck = UINT64_MAX, spi_cycles = 16;
    Nor::Settings nor;
    std::optional<uint64_t> cycles, tcp;
    bool pty = false, watch_input = false;
};

// Throws UsageError. --help prints the usage and ends the program.
Options parse_options(int argc, char** argv);

// At most `most` bytes of a file. Throws UsageError.
std::vector<uint8_t> contents(const std::string& path, size_t most);
