// What a block knows to have happened before: epochs of other blocks, learned through fences and atomics.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "memory.hpp"

namespace emulator {

class Clock {
public:
    // Everything that a block did before its barrier number `epoch`.
    void learn_block(uint32_t block, uint32_t epoch) { learn(key(block), epoch); }
    // What one thread did up to now, in the epoch.
    void learn_thread(uint32_t block, uint16_t thread, uint32_t epoch) { learn(key(block, thread), epoch + 1); }
    void merge(const Clock& other) {
        for (const auto& [who, epoch] : other.epochs_) learn(who, epoch);
    }
    bool knows(const Access& access) const {
        if (epochs_.empty()) return false;
        return after(key(access.block), access.epoch) || after(key(access.block, access.thread), access.epoch);
    }
    bool empty() const { return epochs_.empty(); }
    void clear() { epochs_.clear(); }

private:
    static uint64_t key(uint32_t block) { return uint64_t{block} << 20; }
    static uint64_t key(uint32_t block, uint16_t thread) { return key(block) + 1 + thread; }
    bool after(uint64_t who, uint32_t epoch) const {
        const auto found = epochs_.find(who);
        return found != epochs_.end() && found->second > epoch;
    }
    void learn(uint64_t who, uint32_t epoch) {
        uint32_t& known = epochs_[who];
        known = std::max(known, epoch);
    }

    std::unordered_map<uint64_t, uint32_t> epochs_;
};

}  // namespace emulator
