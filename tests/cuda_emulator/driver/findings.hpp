// What is wrong with a kernel or with the use of the driver, and how much was done.
#pragma once

#include <cstdint>
#include <string>

namespace emulator {

// What Python reads: one line for each finding, "kind | kernel | site | count | detail".
struct Findings {
    static void add(const std::string& kind, uint32_t site, const std::string& detail);
    static std::string text();
    static void forget();
};

// The order is that of `emulator.COUNTS` in Python.
struct Counts {
    uint64_t launches, blocks, barriers, grid_barriers, fences, reads, writes, recorded, graph_launches;
};

extern Counts counts;

}  // namespace emulator
