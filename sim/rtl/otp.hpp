// One-time programmable memory: OTP_BYTES bytes (formats/otp.py), whose bits only ever become 1.

#pragma once

#include "device_file.hpp"

class Otp {
  public:
    // path: as of DeviceFile; a file that is made holds zeros.
    explicit Otp(const std::string& path) : file(path, OTP_BYTES, 0) {}

    uint8_t operator[](size_t address) const { return file.bytes()[address]; }

    // Sets the bits of `data` in a byte; they are on the file's medium when it returns.
    void burn(size_t address, uint8_t data) {
        file.bytes()[address] |= data;
        file.sync();
    }

  private:
    DeviceFile file;
};
