// The level-1 cache of each multiprocessor: not coherent, so a line in it may be older than the memory.
//
// The worst case is modeled: a line that was read stays until a fence, a barrier of the grid or the end of the
// kernel, and never sees what other multiprocessors write meanwhile.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace emulator {

class Caches {
public:
    static constexpr int MOST = 64;

    void invalidate_all();
    void invalidate(int processor);
    // The place to read these bytes from: the memory itself, or old values that the processor still has.
    uintptr_t read(int processor, uintptr_t address, uint32_t bytes, bool& is_stale);
    void write(int processor, uintptr_t address, uint32_t bytes);

private:
    std::vector<uint64_t> holders_;        // of each line: bits of processors
    std::vector<uint32_t> held_[MOST];     // lines of each processor
    std::unordered_map<uintptr_t, uint32_t> old_[MOST];  // words that have changed since
    uint64_t with_old_ = 0;                // bits of processors that have such words
};

extern Caches caches;

}  // namespace emulator
