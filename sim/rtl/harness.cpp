// The emulator: a verilated LivetrapSoC with its clock, its identity, its entropy and its link to a host.
//
// A run is a function of firmware, identity, seed, and the cycles at which bytes arrive on the link. Those cycles
// depend on the host's clock when a client is connected; --record keeps them, and --script repeats them. (A client
// that stops reading until the chip has to wait is the one thing that a recording does not hold.)

#include "Livetrap.h"
#include "Livetrap___024root.h"
#include "link.hpp"
#include "verilated.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

#include <array>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <optional>
#include <poll.h>
#include <unistd.h>

// Verilator's spelling of Amaranth's port names, and of the boot ROM's array.
#define PORT(stream, member) model.stream##___05F##member
#define ROM_MEMORY model.rootp->livetrap__DOT__soc__DOT__processor__DOT__rom__DOT__mem

namespace {

constexpr int EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CYCLE_LIMIT = 3;
constexpr uint64_t POLL_CYCLES = 1024;
constexpr uint64_t RESET_CYCLES = 16;  // of sim/rtl/power_on.py
constexpr size_t PROVISION_BYTES = 48;
const char* const CYCLE_LIMIT = "cycle limit";

const char USAGE[] =
    "usage: emulator --rom FILE [options]\n"
    "  --rom FILE        firmware image for the boot ROM\n"
    "  --provision FILE  48 bytes: chip id and key seed; '-' reads them from standard input\n"
    "  --seed N          seed of the entropy source (default 0)\n"
    "  --pty             connect the link to a new pseudo-terminal\n"
    "  --tcp PORT        connect the link to a TCP port of 127.0.0.1 (0: any)\n"
    "  --script FILE     feed the link from lines 'cycle hex', and print what the chip sends as such lines\n"
    "  --record FILE     write what clients send as a script\n"
    "  --cycles N        stop after N cycles\n"
    "  --watch-input     stop when standard input ends\n"
    "  --trace FILE      write a waveform (only in a build made for it)\n"
    "The first line on standard output is a JSON object with 'port', the last one has 'cycles', 'seconds', 'mhz'\n"
    "and 'reason'. Exit codes: 0 stopped by SIGINT, SIGTERM or the end of standard input, 1 failure, 2 bad options\n"
    "or files, 3 cycle limit.\n";

volatile std::sig_atomic_t interrupted = 0;

struct Options {
    std::string rom, provision, script, record, trace;
    uint64_t seed = 0;
    std::optional<uint64_t> cycles, tcp;
    bool pty = false, watch_input = false;
};

uint64_t number(const char* option, const char* text, uint64_t most) {
    char* end;
    errno = 0;
    const uint64_t value = std::strtoull(text, &end, 0);
    if (errno || *end || end == text || *text == '-' || value > most)
        throw UsageError(std::string("--") + option + ": '" + text + "' is not a number up to " + std::to_string(most));
    return value;
}

Options parse(int argc, char** argv) {
    enum { ROM, PROVISION, SEED, PTY, TCP, SCRIPT, RECORD, CYCLES, TRACE, WATCH_INPUT, HELP };
    static const struct option known[] = {
        {"rom", 1, nullptr, ROM},       {"provision", 1, nullptr, PROVISION}, {"seed", 1, nullptr, SEED},
        {"pty", 0, nullptr, PTY},       {"tcp", 1, nullptr, TCP},             {"script", 1, nullptr, SCRIPT},
        {"record", 1, nullptr, RECORD}, {"cycles", 1, nullptr, CYCLES},       {"trace", 1, nullptr, TRACE},
        {"help", 0, nullptr, HELP},     {"watch-input", 0, nullptr, WATCH_INPUT},
        {nullptr, 0, nullptr, 0},
    };
    Options options;
    opterr = 0;
    for (;;) {
        const char* word = optind < argc ? argv[optind] : "";
        switch (getopt_long(argc, argv, "+:", known, nullptr)) {
            case ROM: options.rom = optarg; break;
            case PROVISION: options.provision = optarg; break;
            case SEED: options.seed = number("seed", optarg, UINT64_MAX); break;
            case PTY: options.pty = true; break;
            case TCP: options.tcp = number("tcp", optarg, 65535); break;
            case SCRIPT: options.script = optarg; break;
            case RECORD: options.record = optarg; break;
            case CYCLES: options.cycles = number("cycles", optarg, UINT64_MAX); break;
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

// At most `most` bytes of a file, or of standard input.
std::vector<uint8_t> contents(const std::string& path, size_t most) {
    const int descriptor = path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw UsageError(path + ": " + std::strerror(errno));
    std::vector<uint8_t> bytes(most);
    size_t used = 0;
    ssize_t count;
    while (used < most && (count = read(descriptor, &bytes[used], most - used)) > 0) used += static_cast<size_t>(count);
    const bool failed = used < most && count < 0;
    const int reason = errno;
    close(descriptor);
    if (failed) throw UsageError(path + ": " + std::strerror(reason));
    bytes.resize(used);
    return bytes;
}

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the emulated entropy source. Not random: runs repeat.
class SplitMix64 {
  public:
    explicit SplitMix64(uint64_t seed) : state(seed) {}
    uint64_t next() {
        uint64_t z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }

  private:
    uint64_t state;
};

class Emulator {
  public:
    explicit Emulator(const Options& given) : options(given), entropy(options.seed) {
        model.eval();  // Gives all memories their initial values; the ROM's are then replaced.
        load_rom();
        if (!options.provision.empty()) {
            provision = contents(options.provision, PROVISION_BYTES + (options.provision != "-"));
            if (provision.size() != PROVISION_BYTES)
                throw UsageError(options.provision + ": not " + std::to_string(PROVISION_BYTES) + " bytes");
        }
        link = options.pty              ? pty_link()
               : options.tcp            ? tcp_link(static_cast<uint16_t>(*options.tcp))
               : options.script.empty() ? no_link()
                                        : script_link(options.script);
        if (!options.record.empty()) link->record(options.record);
        open_trace();
    }

    int run() {
        const std::string port = link->port();
        std::printf("{\"port\": %s}\n", port.empty() ? "null" : ('"' + port + '"').c_str());
        std::fflush(stdout);
        start = report_time = Clock::now();
        reset();
        const char* reason;
        while (!(reason = stop_reason())) {
            link->poll(cycle);
            uint64_t chunk = POLL_CYCLES - cycle % POLL_CYCLES;
            if (options.cycles) chunk = std::min(chunk, *options.cycles - cycle);
            advance(chunk);
            show_status();
        }
        link->poll(cycle);
        model.final();
#if VM_TRACE
        if (trace) trace->close();
#endif
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        const double mhz = seconds > 0 ? static_cast<double>(cycle) / seconds * 1e-6 : 0;
        std::printf("{\"cycles\": %" PRIu64 ", \"seconds\": %.6f, \"mhz\": %.4f, \"reason\": \"%s\"}\n", cycle, seconds,
                    mhz, reason);
        std::fflush(stdout);
        std::fprintf(stderr, "%slivetrap emulator: %" PRIu64 " cycles in %.2f s, %.2f MHz, stopped by %s\n",
                     interactive ? "\r\033[K" : "", cycle, seconds, mhz, reason);
        return reason == CYCLE_LIMIT ? EXIT_CYCLE_LIMIT : EXIT_OK;
    }

  private:
    using Clock = std::chrono::steady_clock;

    void load_rom() {
        auto& memory = ROM_MEMORY;
        constexpr size_t word_bytes = sizeof(memory[0]);
        const size_t capacity = sizeof(memory);
        const std::vector<uint8_t> image = contents(options.rom, capacity + 1);
        if (image.empty() || image.size() > capacity)
            throw UsageError(options.rom + ": not an image of 1 to " + std::to_string(capacity) + " bytes");
        for (size_t at = 0; at < capacity; at += word_bytes) {
            uint32_t word = 0;
            for (size_t i = 0; i < word_bytes && at + i < image.size(); ++i) word |= uint32_t{image[at + i]} << 8 * i;
            memory[at / word_bytes] = word;
        }
    }

    void open_trace() {
        if (options.trace.empty()) return;
#if VM_TRACE
        context.traceEverOn(true);
        trace = std::make_unique<Trace>();
        model.trace(trace.get(), 99);
        trace->open(options.trace.c_str());
        if (!trace->isOpen()) throw UsageError(options.trace + ": cannot be written");
#else
        throw UsageError("--trace: this emulator was built without tracing");
#endif
    }

    // One cycle: registers take what their inputs are now. The ports are registers, so outputs need no more than
    // that to be settled.
    void tick() {
#if VM_TRACE
        model.clk = 1;
        model.eval();
        if (trace) trace->dump(2 * cycle + 1);
        model.clk = 0;
        model.eval();
        if (trace) trace->dump(2 * cycle + 2);
#else
        model.clk = !model.clk;  // The build made every edge one that registers take.
        model.eval();
#endif
        ++cycle;
    }

    void reset() {
        while (cycle < RESET_CYCLES) tick();
        offer();
    }

    // Inputs of the cycle that begins. They depend on earlier cycles alone.
    void offer() {
        PORT(link_rx, valid) = !link->to_chip.empty();
        PORT(link_rx, payload) = link->to_chip.front();
        PORT(link_tx, ready) = !link->from_chip.full();
        PORT(provision, valid) = provisioned < provision.size();
        PORT(provision, payload) = PORT(provision, valid) ? provision[provisioned] : 0;
        PORT(entropy, valid) = 1;
        PORT(entropy, payload) = entropy_word;
    }

    void advance(uint64_t cycles) {
        for (const uint64_t end = cycle + cycles; cycle < end;) {
            if (PORT(link_rx, valid) & PORT(link_rx, ready)) link->to_chip.pop();
            if (PORT(link_tx, valid) & PORT(link_tx, ready)) link->from_chip.push(PORT(link_tx, payload));
            if (PORT(provision, valid) & PORT(provision, ready)) ++provisioned;
            if (PORT(entropy, ready)) entropy_word = entropy.next();
            tick();
            offer();
        }
    }

    const char* stop_reason() const {
        if (interrupted) return "signal";
        if (options.cycles && cycle >= *options.cycles) return CYCLE_LIMIT;
        if (options.watch_input) {
            struct pollfd state = {STDIN_FILENO, POLLIN, 0};
            char byte;
            if (::poll(&state, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0) return "end of input";
        }
        return nullptr;
    }

    // Once a second, only where a person may be watching.
    void show_status() {
        if (!interactive) return;
        const auto now = Clock::now();
        const double seconds = std::chrono::duration<double>(now - report_time).count();
        if (seconds < 1) return;
        std::fprintf(stderr, "\r\033[K%" PRIu64 " cycles, %.2f MHz, %s", cycle,
                     static_cast<double>(cycle - report_cycle) / seconds * 1e-6,
                     link->connected() ? "client connected" : "no client");
        report_time = now;
        report_cycle = cycle;
    }

    const Options& options;
    VerilatedContext context;
    Livetrap model{&context};
    std::unique_ptr<Link> link;
#if VM_TRACE
    std::unique_ptr<Trace> trace;
#endif
    std::vector<uint8_t> provision;
    size_t provisioned = 0;
    SplitMix64 entropy;
    uint64_t entropy_word = entropy.next();
    uint64_t cycle = 0, report_cycle = 0;
    Clock::time_point start, report_time;
    const bool interactive = isatty(STDERR_FILENO);
};

void on_signal(int) { interrupted = 1; }

}  // namespace

void vl_stop(const char*, int line, const char* instance) {
    throw std::runtime_error(std::string("assertion failed in ") + instance + ", line " + std::to_string(line));
}

void vl_fatal(const char*, int, const char* instance, const char* message) {
    throw std::runtime_error(std::string(message) + " in " + instance);
}

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    try {
        const Options options = parse(argc, argv);
        return std::make_unique<Emulator>(options)->run();
    } catch (const UsageError& error) {
        std::fprintf(stderr, "livetrap emulator: %s\n", error.what());
        return EXIT_USAGE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "livetrap emulator: %s\n", error.what());
        return EXIT_FAILED;
    }
}
