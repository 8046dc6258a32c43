#include "device_file.hpp"

#include "usage_error.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

DeviceFile::DeviceFile(const std::string& path, size_t size, uint8_t fill) : size(size) {
    const auto fail = [&](const std::string& reason) {
        if (descriptor >= 0) close(descriptor);
        throw UsageError(path + ": " + reason);
    };
    bool fresh = path.empty();
    if (!fresh) {
        descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        struct stat status;
        if (descriptor < 0 || fstat(descriptor, &status)) fail(std::strerror(errno));
        fresh = S_ISREG(status.st_mode) && status.st_size == 0;
        if (!fresh && static_cast<size_t>(status.st_size) != size) fail("not " + std::to_string(size) + " bytes");
        if (flock(descriptor, LOCK_EX | LOCK_NB)) fail("another emulator holds it");
        if (fresh && ftruncate(descriptor, static_cast<off_t>(size))) fail(std::strerror(errno));
    }
    const int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (mapped == MAP_FAILED) fail(std::strerror(errno));
    memory = static_cast<uint8_t*>(mapped);
    if (fresh) std::memset(memory, fill, size);
}

DeviceFile::~DeviceFile() {
    munmap(memory, size);
    if (descriptor >= 0) close(descriptor);
}

void DeviceFile::sync() {
    if (descriptor >= 0) msync(memory, size, MS_SYNC);
}
