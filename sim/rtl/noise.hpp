// The noise source: raw bits, as ring oscillators give them on boards. Here they are independent and unbiased.

#pragma once

#include "split_mix.hpp"

class Noise {
  public:
    // stuck: from this cycle on, all bits are 1.
    Noise(uint64_t seed, uint64_t stuck) : words(seed), stuck(stuck) {}

    // The bit that follows one taken at `cycle`.
    bool next(uint64_t cycle) {
        if (cycle >= stuck) return true;
        if (!left) {
            word = words.next();
            left = 64;
        }
        --left;
        const bool bit = word & 1;
        word >>= 1;
        return bit;
    }

  private:
    SplitMix64 words;
    const uint64_t stuck;
    uint64_t word = 0;
    int left = 0;
};
