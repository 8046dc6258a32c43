// The far end of the chip's byte stream: a pseudo-terminal, a TCP port, or a script.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

// Bounded byte queue. The sender looks at room() or full() first.
class ByteQueue {
  public:
    static constexpr size_t CAPACITY = 1 << 16;

    bool empty() const { return head == tail; }
    bool full() const { return tail - head == CAPACITY; }
    size_t size() const { return tail - head; }
    size_t room() const { return CAPACITY - size(); }
    uint8_t front() const { return bytes[head % CAPACITY]; }
    void pop() { ++head; }
    void push(uint8_t byte) { bytes[tail++ % CAPACITY] = byte; }
    void clear() { head = tail; }

    // The longest run of queued bytes that is contiguous in memory.
    const uint8_t* run(size_t* length) const {
        const size_t at = head % CAPACITY;
        *length = size() < CAPACITY - at ? size() : CAPACITY - at;
        return &bytes[at];
    }
    void drop(size_t count) { head += count; }

  private:
    std::array<uint8_t, CAPACITY> bytes{};
    size_t head = 0, tail = 0;
};

// The host's side of the link. `poll` is called every so many cycles, never blocks, moves what has arrived to
// `to_chip` as far as there is room, and takes what it can from `from_chip`. While no client is connected,
// bytes from the chip are dropped, as by a serial port without a cable; bytes to the chip already taken stay.
class Link {
  public:
    virtual ~Link() = default;
    virtual void poll(uint64_t cycle) = 0;
    virtual bool connected() const { return false; }
    // How a client names it, or empty.
    virtual std::string port() const { return ""; }

    ByteQueue to_chip, from_chip;

    // Writes "cycle hex" for all that enters `to_chip` from now on: a script that repeats this run.
    void record(const std::string& path);

  protected:
    void arrived(uint64_t cycle, const uint8_t* bytes, size_t count);

  private:
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> recording{nullptr, std::fclose};
};

std::unique_ptr<Link> no_link();
std::unique_ptr<Link> pty_link();
std::unique_ptr<Link> tcp_link(uint16_t port);
// Lines "cycle hex", cycles ascending: the bytes arrive at the first poll at or after the cycle. What the chip
// sends is printed on standard output in the same form.
std::unique_ptr<Link> script_link(const std::string& path);
