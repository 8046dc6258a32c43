#include "options.hpp"

#include "usage_error.hpp"

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

namespace {

const char USAGE[] =
    "usage: emulator --rom FILE [options]\n"
    "  --rom FILE        firmware image for the boot ROM\n"
    "  --flash FILE      what the flash holds; made, erased, if there is none (default: forgotten at the end)\n"
    "  --otp FILE        what the fuses hold; made, all 0, if there is none (default: forgotten at the end)\n"
    "  --seed N          seed of the noise source (default 0)\n"
    "  --noise-stuck N   the noise source fails at cycle N: all its bits are 1 from then on\n"
    "  --pty             connect the link to a new pseudo-terminal\n"
    "  --tcp PORT        connect the link to a TCP port of 127.0.0.1 (0: any)\n"
    "  --script FILE     feed the link from lines 'cycle hex', and print what the chip sends as such lines\n"
    "  --record FILE     write what clients send as a script\n"
    "  --cycles N        stop after N cycles\n"
    "  --cut-at N        lose power in the middle of the N-th program or erase of the flash\n"
    "  --cut-seed N      seed of the bits that it has changed until then (default 0)\n"
    "  --spi-cycles N    cycles for a byte to the flash and back (default 16)\n"
    "  --program-cycles N, --erase-cycles N   cycles that the flash is busy so (default 1000 and 20000)\n"
    "  --watch-input     stop when standard input ends\n"
    "  --trace FILE      write a waveform (only in a build made for it)\n"
    "The first line on standard output is a JSON object with 'port', the last one has 'cycles', 'seconds', 'mhz'\n"
    "and 'reason'. Exit codes: 0 stopped by SIGINT, SIGTERM or the end of standard input, 1 failure, 2 bad options\n"
    "or files, 3 cycle limit, 4 power cut.\n";

uint64_t number(const char* option, const char* text, uint64_t most, uint64_t least = 0) {
    char* end;
    errno = 0;
    const uint64_t value = std::strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
    if (errno || *end || !std::isdigit(static_cast<unsigned char>(*text)) || value < least || value > most)
        throw UsageError(std::string("--") + option + ": '" + text + "' is not a number from " +
                         std::to_string(least) + " to " + std::to_string(most));
    return value;
}

}  // namespace

Options parse_options(int argc, char** argv) {
    enum {
        ROM, FLASH, OTP, SEED, NOISE_STUCK, PTY, TCP, SCRIPT, RECORD, CYCLES, CUT_AT, CUT_SEED, SPI_CYCLES,
        PROGRAM_CYCLES, ERASE_CYCLES, TRACE, WATCH_INPUT, HELP,
    };
    static const struct option known[] = {
        {"rom", 1, nullptr, ROM},
        {"flash", 1, nullptr, FLASH},
        {"otp", 1, nullptr, OTP},
        {"seed", 1, nullptr, SEED},
        {"noise-stuck", 1, nullptr, NOISE_STUCK},
        {"pty", 0, nullptr, PTY},
        {"tcp", 1, nullptr, TCP},
        {"script", 1, nullptr, SCRIPT},
        {"record", 1, nullptr, RECORD},
        {"cycles", 1, nullptr, CYCLES},
        {"cut-at", 1, nullptr, CUT_AT},
        {"cut-seed", 1, nullptr, CUT_SEED},
        {"spi-cycles", 1, nullptr, SPI_CYCLES},
        {"program-cycles", 1, nullptr, PROGRAM_CYCLES},
        {"erase-cycles", 1, nullptr, ERASE_CYCLES},
        {"trace", 1, nullptr, TRACE},
        {"watch-input", 0, nullptr, WATCH_INPUT},
        {"help", 0, nullptr, HELP},
        {nullptr, 0, nullptr, 0},
    };
    Options options;
    opterr = 0;
    for (;;) {
        const char* word = optind < argc ? argv[optind] : "";
        switch (getopt_long(argc, argv, "+:", known, nullptr)) {
            case ROM: options.rom = optarg; break;
            case FLASH: options.flash = optarg; break;
            case OTP: options.otp = optarg; break;
            case SEED: options.seed = number("seed", optarg, UINT64_MAX); break;
            case NOISE_STUCK: options.noise_stuck = number("noise-stuck", optarg, UINT64_MAX); break;
            case PTY: options.pty = true; break;
            case TCP: options.tcp = number("tcp", optarg, 65535); break;
            case SCRIPT: options.script = optarg; break;
            case RECORD: options.record = optarg; break;
            case CYCLES: options.cycles = number("cycles", optarg, UINT64_MAX); break;
            case CUT_AT: options.nor.cut_at = number("cut-at", optarg, UINT64_MAX, 1); break;
            case CUT_SEED: options.nor.cut_seed = number("cut-seed", optarg, UINT64_MAX); break;
            case SPI_CYCLES: options.spi_cycles = number("spi-cycles", optarg, UINT32_MAX, 1); break;
            case PROGRAM_CYCLES: options.nor.program_cycles = number("program-cycles", optarg, UINT32_MAX, 1); break;
            case ERASE_CYCLES: options.nor.erase_cycles = number("erase-cycles", optarg, UINT32_MAX, 1); break;
            case TRACE: options.trace = optarg; break;
            case WATCH_INPUT: options.watch_input = true; break;
            case HELP: std::fputs(USAGE, stdout); std::exit(EXIT_OK);
            case ':': throw UsageError(std::string(word) + " needs a value");
            case '?': throw UsageError(std::string("unknown option ") + word);
            default:
                if (optind < argc) throw UsageError(std::string("unexpected argument ") + argv[optind]);
                if (options.rom.empty()) throw UsageError("--rom is missing");
                if (options.pty + options.tcp.has_value() + !options.script.empty() > 1)
                    throw UsageError("--pty, --tcp and --script exclude each other");
                return options;
        }
    }
}

std::vector<uint8_t> contents(const std::string& path, size_t most) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw UsageError(path + ": " + std::strerror(errno));
    std::vector<uint8_t> bytes(most);
    size_t used = 0;
    ssize_t count = 0;
    while (used < most && (count = read(descriptor, &bytes[used], most - used)) > 0) used += static_cast<size_t>(count);
    const bool failed = used < most && count < 0;
    const int reason = errno;
    close(descriptor);
    if (failed) throw UsageError(path + ": " + std::strerror(reason));
    bytes.resize(used);
    return bytes;
}
