// What a device remembers without power: a file in memory, which the operating system writes back whatever becomes of
// this process.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

class DeviceFile {
  public:
    // Maps a file of `size` bytes. If there is none, makes one, every byte `fill`. An empty path is memory alone.
    // Throws UsageError if the file has another size, cannot be written, or is mapped by another process.
    DeviceFile(const std::string& path, size_t size, uint8_t fill);
    ~DeviceFile();
    DeviceFile(const DeviceFile&) = delete;
    DeviceFile& operator=(const DeviceFile&) = delete;

    // Returns when the file's medium holds what is mapped.
    void sync();

    uint8_t* bytes() const { return memory; }

  private:
    const size_t size;
    int descriptor = -1;
    uint8_t* memory = nullptr;
};
