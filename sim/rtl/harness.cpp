// The emulator: a verilated LivetrapSoC with its clock, its flash, its fuses, its noise and its link to a host.
//
// A run is a function of ROM, flash, fuses, seed, and the cycles at which bytes arrive on the link. Those cycles
// depend on the host's clock when a client is connected; --record keeps them, and --script repeats them. (A client
// that stops reading until the chip has to wait is the one thing that a recording does not hold.)

#include "Livetrap.h"
#include "Livetrap___024root.h"
#include "link.hpp"
#include "noise.hpp"
#include "nor.hpp"
#include "options.hpp"
#include "otp.hpp"
#include "usage_error.hpp"
#include "verilated.h"

#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <poll.h>
#include <unistd.h>

// Verilator's spelling of Amaranth's port names, and of the boot ROM's array.
#define PORT(stream, member) model.stream##___05F##member
#define ROM_MEMORY model.rootp->livetrap__DOT__soc__DOT__processor__DOT__rom__DOT__mem

namespace {

constexpr uint64_t POLL_CYCLES = 1024;
constexpr uint64_t RESET_CYCLES = 16;  // of sim/rtl/power_on.py
constexpr uint64_t NEVER = UINT64_MAX;
const char *const CYCLE_LIMIT = "cycle limit", *const POWER_CUT = "power cut";

volatile std::sig_atomic_t interrupted = 0;

class Emulator {
  public:
    explicit Emulator(const Options& given)
        : options(given), nor(options.flash, options.nor), otp(options.otp), noise(options.seed, options.noise_stuck) {
        model.eval();  // Gives all memories their initial values; the ROM's are then replaced.
        load_rom();
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
            offer();
            const uint64_t next_poll = cycle - cycle % POLL_CYCLES + POLL_CYCLES;
            advance(std::min({next_poll, options.cycles.value_or(NEVER), nor.power_off()}));
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
        return reason == CYCLE_LIMIT ? EXIT_CYCLE_LIMIT : reason == POWER_CUT ? EXIT_POWER_CUT : EXIT_OK;
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
        PORT(otp_burn, ready) = 1;
        PORT(noise, valid) = 1;
    }

    // Inputs of the cycle that begins. They depend on earlier cycles alone.
    void offer() {
        PORT(link_rx, valid) = !link->to_chip.empty();
        PORT(link_rx, payload) = link->to_chip.front();
        PORT(link_tx, ready) = !link->from_chip.full();
        PORT(otp_load, valid) = fuses_loaded < OTP_BYTES;
        PORT(otp_load, payload) = PORT(otp_load, valid) ? otp[fuses_loaded] : 0;
        PORT(noise, payload) = noise_bit;
        PORT(flash_tx, ready) = shifted == NEVER;
        PORT(flash_rx, valid) = answered;
        PORT(flash_rx, payload) = answer;
    }

    // What happens on the ports in this cycle; inputs change after it.
    void exchange() {
        if (PORT(link_rx, valid) & PORT(link_rx, ready)) link->to_chip.pop();
        if (PORT(link_tx, valid) & PORT(link_tx, ready)) link->from_chip.push(PORT(link_tx, payload));
        if (PORT(otp_load, valid) & PORT(otp_load, ready)) ++fuses_loaded;
        if (PORT(otp_burn, valid)) otp.burn(PORT(otp_burn, payload) & 0x7f, PORT(otp_burn, payload) >> 7 & 0xff);
        if (PORT(noise, ready)) noise_bit = noise.next(cycle);
        if (PORT(flash_rx, valid) & PORT(flash_rx, ready)) answered = false;
        if (PORT(flash_tx, valid) & PORT(flash_tx, ready)) {
            next_answer = nor.transfer(cycle, PORT(flash_tx, payload) & 0xff, PORT(flash_tx, payload) >> 8 & 1);
            shifted = cycle + options.spi_cycles - 1;
        }
        if (cycle >= shifted && !answered) {
            answered = true;
            answer = next_answer;
            shifted = NEVER;
        }
    }

    // Cycles in which nothing happens cost no more than one test: they are nearly all.
    void advance(uint64_t end) {
        while (cycle < end) {
            const bool something = (PORT(link_rx, valid) & PORT(link_rx, ready)) |
                                   (PORT(link_tx, valid) & PORT(link_tx, ready)) |
                                   (PORT(otp_load, valid) & PORT(otp_load, ready)) | PORT(otp_burn, valid) |
                                   PORT(noise, ready) | (PORT(flash_tx, valid) & PORT(flash_tx, ready)) |
                                   (PORT(flash_rx, valid) & PORT(flash_rx, ready)) | (cycle >= shifted);
            if (!something) {
                tick();
                continue;
            }
            exchange();
            end = std::min(end, nor.power_off());
            tick();
            offer();
        }
    }

    const char* stop_reason() const {
        if (cycle >= nor.power_off()) return POWER_CUT;
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
    Nor nor;
    Otp otp;
    Noise noise;
    size_t fuses_loaded = 0;
    bool noise_bit = noise.next(0);
    // SPI: the last cycle of the byte on its way, and what comes back with it; what has come back and is not taken.
    uint64_t shifted = NEVER;
    uint8_t next_answer = 0, answer = 0;
    bool answered = false;
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
        const Options options = parse_options(argc, argv);
        return std::make_unique<Emulator>(options)->run();
    } catch (const UsageError& error) {
        std::fprintf(stderr, "livetrap emulator: %s\n", error.what());
        return EXIT_USAGE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "livetrap emulator: %s\n", error.what());
        return EXIT_FAILED;
    }
}
