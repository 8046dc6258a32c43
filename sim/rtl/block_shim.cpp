// C interface to one verilated block, for sim/rtl/block.py. `ports.inc` lists the model's ports as PORT(member).

#include "Block.h"
#include "verilated.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Handle {
    VerilatedContext context;
    Block model{&context};
    std::string failure;
};

struct Port {
    void* storage;
    uint32_t bytes;
};

Port port(Handle* handle, uint32_t index) {
    Block& model = handle->model;
#define PORT(member) {&model.member, sizeof(model.member)},
    const Port ports[] = {
#include "ports.inc"
    };
#undef PORT
    return ports[index];
}

void tick(Handle* handle) {
#ifdef CLOCKED
    handle->model.clk = 1;
    handle->model.eval();
    handle->model.clk = 0;
#endif
    handle->model.eval();
}

template <typename Action> int guarded(Handle* handle, Action action) {
    try {
        action();
        return 0;
    } catch (const std::exception& error) {
        handle->failure = error.what();
        return 1;
    }
}

}  // namespace

void vl_stop(const char*, int line, const char* instance) {
    throw std::runtime_error("assertion failed in " + std::string(instance) + ", line " + std::to_string(line) +
                             " of its Verilog");
}

void vl_fatal(const char*, int, const char* instance, const char* message) {
    throw std::runtime_error(std::string(message) + " in " + instance);
}

EXPORT Handle* block_create() {
    Handle* handle = new Handle;
    handle->model.eval();  // With the clock at 0, so that the first step has an edge.
    return handle;
}

EXPORT void block_destroy(Handle* handle) { delete handle; }

EXPORT void* block_port(Handle* handle, uint32_t index) { return port(handle, index).storage; }

EXPORT const char* block_failure(Handle* handle) { return handle->failure.c_str(); }

EXPORT int block_settle(Handle* handle) {
    return guarded(handle, [&] { handle->model.eval(); });
}

EXPORT int block_step(Handle* handle, uint64_t cycles) {
    return guarded(handle, [&] {
        while (cycles--) tick(handle);
    });
}

// Steps until the port has the value; `*cycles` is the limit on entry and the cycles made on return.
// 0: reached, 1: failure, 2: limit.
EXPORT int block_step_until(Handle* handle, uint32_t index, const void* value, uint64_t* cycles) {
    const Port watched = port(handle, index);
    const uint64_t limit = *cycles;
    bool reached = false;
    *cycles = 0;
    const int failed = guarded(handle, [&] {
        handle->model.eval();
        while (!(reached = !std::memcmp(watched.storage, value, watched.bytes)) && *cycles < limit) {
            tick(handle);
            ++*cycles;
        }
    });
    return failed ? 1 : reached ? 0 : 2;
}

// Inputs and outputs are arrays with one element, as wide as the port's storage, for each cycle.
EXPORT int block_run(Handle* handle, uint64_t cycles, uint32_t inputs, const uint32_t* input_ports,
                     const uint8_t* const* input_data, uint32_t outputs, const uint32_t* output_ports,
                     uint8_t* const* output_data) {
    return guarded(handle, [&] {
        for (uint64_t cycle = 0; cycle < cycles; ++cycle) {
            for (uint32_t i = 0; i < inputs; ++i) {
                const Port p = port(handle, input_ports[i]);
                std::memcpy(p.storage, input_data[i] + cycle * p.bytes, p.bytes);
            }
            handle->model.eval();
            for (uint32_t i = 0; i < outputs; ++i) {
                const Port p = port(handle, output_ports[i]);
                std::memcpy(output_data[i] + cycle * p.bytes, p.storage, p.bytes);
            }
            tick(handle);
        }
    });
}
