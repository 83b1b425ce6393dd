// The memory of the device, and for each word what is known of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace emulator {

// One access of a thread. `MANY` stands for several threads of a block.
struct Access {
    static constexpr uint16_t MANY = 0xffff;
    uint32_t block;
    uint32_t epoch;  // how many barriers the block had passed
    uint16_t thread;
    bool atomic;
    bool made;
};

// A word of 4 bytes. Accesses are those of the launch of this number; those of earlier launches came before.
struct Cell {
    static constexpr int READS = 3;
    uint32_t launch;
    uint8_t live;     // bits of bytes that belong to an array
    uint8_t written;  // bits of bytes that have a value
    bool more_reads;  // that found no place here
    Access write;
    Access reads[READS];
};

// Global memory: allocations with gaps between them in one range of addresses.
class Memory {
public:
    static constexpr size_t SIZE = size_t{512} << 20;

    uintptr_t allocate(size_t bytes);  // 0 if there is no room
    bool free(uintptr_t address);
    bool holds(uintptr_t address) const { return address - begin_ < SIZE; }
    // Whether all these bytes belong to one allocation.
    bool inside(uintptr_t address, size_t bytes) const;
    // Beginning and size of an allocation; {0, 0} if the address is in none.
    std::pair<uintptr_t, size_t> allocation(uintptr_t address) const;
    void mark_written(uintptr_t address, size_t bytes);
    size_t used() const { return used_; }
    // How much the device is said to have.
    size_t room = SIZE;

    Cell& cell(uintptr_t address) { return cells_[(address - begin_) / 4]; }
    uint32_t line(uintptr_t address) const { return static_cast<uint32_t>((address - begin_) >> 7); }
    static constexpr size_t LINES = SIZE >> 7;
    // Where an address is, for people.
    std::string words(uintptr_t address) const;

private:
    void reserve();
    template <typename Change>
    void change(uintptr_t address, size_t bytes, Change change);

    uintptr_t begin_ = 0;
    uintptr_t top_ = 0;
    Cell* cells_ = nullptr;
    size_t used_ = 0;
};

extern Memory memory;

// The shared arrays of a kernel: all blocks see them at the same addresses, where those of the running block lie.
class SharedWindow {
public:
    static constexpr size_t SIZE = 64 * 1024;
    static constexpr size_t GAP = 64;

    uintptr_t begin() const { return reinterpret_cast<uintptr_t>(bytes_); }
    bool holds(uintptr_t address) const { return address - begin() < SIZE; }

private:
    alignas(128) unsigned char bytes_[SIZE];
};

extern SharedWindow shared_window;

}  // namespace emulator
