#pragma once

#include <stdexcept>

// What the user gave cannot be used: one line for standard error, exit code EXIT_USAGE.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
