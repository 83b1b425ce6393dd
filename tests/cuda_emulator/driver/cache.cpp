#include "cache.hpp"

#include <cstring>

#include "memory.hpp"

namespace emulator {

Caches caches;

void Caches::invalidate(int processor) {
    const uint64_t bit = uint64_t{1} << processor;
    for (const uint32_t line : held_[processor]) holders_[line] &= ~bit;
    held_[processor].clear();
    old_[processor].clear();
    with_old_ &= ~bit;
}

void Caches::invalidate_all() {
    for (int processor = 0; processor < MOST; ++processor) invalidate(processor);
}

uintptr_t Caches::read(int processor, uintptr_t address, uint32_t bytes, bool& is_stale) {
    if (holders_.empty()) holders_.resize(Memory::LINES);
    const uint64_t bit = uint64_t{1} << processor;
    const uint32_t line = memory.line(address);
    if (!(holders_[line] & bit)) {
        holders_[line] |= bit;
        held_[processor].push_back(line);
    }
    if (!(with_old_ & bit)) return address;
    alignas(16) static unsigned char mixed[64];
    const uintptr_t first = address & ~uintptr_t{3};
    for (uintptr_t word = first; word < address + bytes; word += 4) {
        const auto found = old_[processor].find(word);
        is_stale |= found != old_[processor].end();
        const void* from = found != old_[processor].end() ? static_cast<const void*>(&found->second)
                                                          : reinterpret_cast<const void*>(word);
        std::memcpy(mixed + (word - first), from, 4);
    }
    return is_stale ? reinterpret_cast<uintptr_t>(mixed) + (address - first) : address;
}

void Caches::write(int processor, uintptr_t address, uint32_t bytes) {
    if (holders_.empty()) return;
    const uint64_t bit = uint64_t{1} << processor;
    const uint64_t others = holders_[memory.line(address)] & ~bit;
    if (!(others | (with_old_ & bit))) return;
    for (uintptr_t word = address & ~uintptr_t{3}; word < address + bytes; word += 4) {
        uint32_t value;
        std::memcpy(&value, reinterpret_cast<const void*>(word), 4);
        for (uint64_t left = others; left; left &= left - 1) {
            old_[__builtin_ctzll(left)].emplace(word, value);
            with_old_ |= left & -left;
        }
        old_[processor].erase(word);
    }
}

}  // namespace emulator
