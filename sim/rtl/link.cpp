#include "link.hpp"

#include "usage_error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const std::string& what) { throw UsageError(what + ": " + std::strerror(errno)); }

void print_line(std::FILE* file, uint64_t cycle, const uint8_t* bytes, size_t count) {
    std::fprintf(file, "%" PRIu64 " ", cycle);
    for (size_t i = 0; i < count; ++i) std::fprintf(file, "%02x", bytes[i]);
    std::fputc('\n', file);
}

class Descriptor {
  public:
    explicit Descriptor(int initial = -1) : value(initial) {}
    ~Descriptor() { reset(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void reset(int next = -1) {
        if (value >= 0) close(value);
        value = next;
    }
    int get() const { return value; }
    explicit operator bool() const { return value >= 0; }

  private:
    int value;
};

class NoLink : public Link {
  public:
    void poll(uint64_t) override { from_chip.clear(); }
};

// A link whose client is a file descriptor.
class DescriptorLink : public Link {
  protected:
    // False when the client is gone.
    bool transfer(int descriptor, uint64_t cycle) {
        uint8_t buffer[4096];
        while (const size_t room = std::min(sizeof(buffer), to_chip.room())) {
            const ssize_t count = read(descriptor, buffer, room);
            if (count > 0) {
                arrived(cycle, buffer, static_cast<size_t>(count));
            } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
                break;
            } else {
                return false;
            }
        }
        while (!from_chip.empty()) {
            size_t length;
            const uint8_t* bytes = from_chip.run(&length);
            const ssize_t count = write(descriptor, bytes, length);
            if (count < 0) return errno == EAGAIN || errno == EINTR;
            from_chip.drop(static_cast<size_t>(count));
        }
        return true;
    }
};

class PtyLink : public DescriptorLink {
  public:
    PtyLink() : master(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
        char path[128];
        if (!master || grantpt(master.get()) || unlockpt(master.get()) || ptsname_r(master.get(), path, sizeof(path)))
            fail("cannot make a pseudo-terminal");
        name = path;
        if (!settle()) fail("cannot set up " + name);
    }

    bool connected() const override { return client; }
    std::string port() const override { return name; }

    void poll(uint64_t cycle) override {
        struct pollfd state = {master.get(), POLLIN, 0};
        ::poll(&state, 1, 0);
        const bool hung_up = state.revents & POLLHUP;
        if (hung_up && !client && !(state.revents & POLLIN)) {
            from_chip.clear();
            return;
        }
        if (!client && !hung_up) from_chip.clear();
        client = true;
        if (!transfer(master.get(), cycle) || hung_up) {
            client = false;
            from_chip.clear();
            settle();
        }
    }

  private:
    // Opening and closing our own slave makes the master report whether a client has it open. What the last
    // client left unread, and its terminal settings, are not for the next one.
    bool settle() {
        const Descriptor slave(open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
        struct termios settings;
        if (!slave || tcgetattr(slave.get(), &settings)) return false;
        cfmakeraw(&settings);
        return !tcsetattr(slave.get(), TCSANOW, &settings) && !tcflush(slave.get(), TCIFLUSH);
    }

    Descriptor master;
    std::string name;
    bool client = false;
};

class TcpLink : public DescriptorLink {
  public:
    explicit TcpLink(uint16_t wanted) : listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        const int yes = 1;
        struct sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(wanted);
        socklen_t length = sizeof(address);
        auto* generic = reinterpret_cast<struct sockaddr*>(&address);
        if (!listener || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
            bind(listener.get(), generic, length) || listen(listener.get(), 1) ||
            getsockname(listener.get(), generic, &length))
            fail("cannot listen on TCP port " + std::to_string(wanted));
        number = ntohs(address.sin_port);
    }

    bool connected() const override { return static_cast<bool>(client); }
    std::string port() const override { return "tcp://127.0.0.1:" + std::to_string(number); }

    void poll(uint64_t cycle) override {
        if (!client) {
            from_chip.clear();
            client.reset(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!client) return;
            const int yes = 1;
            setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        }
        if (!transfer(client.get(), cycle)) {
            client.reset();
            from_chip.clear();
        }
    }

  private:
    Descriptor listener, client;
    uint16_t number;
};

class ScriptLink : public Link {
  public:
    explicit ScriptLink(const std::string& path) {
        std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
        if (!file) fail(path);
        char* text = nullptr;
        size_t capacity = 0;
        while (getline(&text, &capacity, file.get()) > 0) lines.push_back(parse(path, text));
        free(text);
    }

    void poll(uint64_t cycle) override {
        while (next < lines.size() && lines[next].cycle <= cycle && lines[next].bytes.size() <= to_chip.room()) {
            arrived(cycle, lines[next].bytes.data(), lines[next].bytes.size());
            ++next;
        }
        while (!from_chip.empty()) {
            size_t length;
            const uint8_t* bytes = from_chip.run(&length);
            print_line(stdout, cycle, bytes, length);
            from_chip.drop(length);
        }
    }

  private:
    struct Line {
        uint64_t cycle;
        std::vector<uint8_t> bytes;
    };

    Line parse(const std::string& path, const char* text) const {
        Line line{};
        int used = 0;
        unsigned byte;
        bool good = std::isdigit(static_cast<unsigned char>(text[0])) && std::sscanf(text, "%" SCNu64 " %n", &line.cycle, &used) == 1;
        const size_t digits = good ? std::strspn(text + used, "0123456789abcdefABCDEF") : 0;
        for (size_t i = 0; i + 1 < digits; i += 2) {
            std::sscanf(text + used + i, "%2x", &byte);
            line.bytes.push_back(static_cast<uint8_t>(byte));
        }
        good = good && !line.bytes.empty() && digits % 2 == 0 && line.bytes.size() <= ByteQueue::CAPACITY &&
               text[used + digits + std::strspn(text + used + digits, " \r\n")] == 0 &&
               (lines.empty() || lines.back().cycle <= line.cycle);
        if (!good) {
            throw UsageError(path + ": line " + std::to_string(lines.size() + 1) +
                             " is not a cycle, not before the last one's, and hexadecimal bytes");
        }
        return line;
    }

    std::vector<Line> lines;
    size_t next = 0;
};

}  // namespace

void Link::record(const std::string& path) {
    recording.reset(std::fopen(path.c_str(), "w"));
    if (!recording) fail(path);
}

void Link::arrived(uint64_t cycle, const uint8_t* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) to_chip.push(bytes[i]);
    if (recording) print_line(recording.get(), cycle, bytes, count);
}

std::unique_ptr<Link> no_link() { return std::make_unique<NoLink>(); }
std::unique_ptr<Link> pty_link() { return std::make_unique<PtyLink>(); }
std::unique_ptr<Link> tcp_link(uint16_t port) { return std::make_unique<TcpLink>(port); }
std::unique_ptr<Link> script_link(const std::string& path) { return std::make_unique<ScriptLink>(path); }
