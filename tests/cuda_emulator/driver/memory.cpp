#include "memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

#include "lock.hpp"

namespace emulator {

Memory memory;
SharedWindow shared_window;

namespace {

// As the driver aligns; a gap behind each shows whoever goes beyond the end.
constexpr size_t ALIGNMENT = 512;
std::map<uintptr_t, size_t> allocations;
std::multimap<size_t, uintptr_t> returned;  // by size with gap

size_t with_gap(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT; }

void* reserve_bytes(size_t bytes) {
    void* found = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) throw std::bad_alloc();
    return found;
}

}  // namespace

void Memory::reserve() {
    begin_ = reinterpret_cast<uintptr_t>(reserve_bytes(SIZE));
    cells_ = static_cast<Cell*>(reserve_bytes(SIZE / 4 * sizeof(Cell)));
    top_ = begin_ + ALIGNMENT;
}

template <typename Change>
void Memory::change(uintptr_t address, size_t bytes, Change change) {
    for (uintptr_t word = address & ~uintptr_t{3}; word < address + bytes; word += 4) {
        uint8_t bits = 0;
        for (int k = 0; k < 4; ++k)
            if (word + k >= address && word + k < address + bytes) bits |= uint8_t(1 << k);
        Cell& one = cell(word);
        one.launch = 0;
        change(one, bits);
    }
}

uintptr_t Memory::allocate(size_t bytes) {
    const Guard guard(device_lock);
    if (begin_ == 0) reserve();
    const size_t needed = with_gap(bytes);
    uintptr_t address = 0;
    if (used_ + needed > room) return 0;
    if (auto fitting = returned.find(needed); fitting != returned.end()) {
        address = fitting->second;
        returned.erase(fitting);
    } else {
        if (top_ + needed > begin_ + SIZE) return 0;
        address = top_;
        top_ += needed;
    }
    allocations[address] = bytes;
    used_ += needed;
    // NaN as floats, -1 as integers.
    std::memset(reinterpret_cast<void*>(address), 0xff, bytes);
    change(address, bytes, [](Cell& one, uint8_t bits) { one.live |= bits, one.written &= uint8_t(~bits); });
    return address;
}

bool Memory::free(uintptr_t address) {
    const Guard guard(device_lock);
    const auto found = allocations.find(address);
    if (found == allocations.end()) return false;
    const size_t bytes = found->second, given = with_gap(bytes);
    change(address, bytes, [](Cell& one, uint8_t) { one.live = one.written = 0; });
    std::memset(reinterpret_cast<void*>(address), 0xff, bytes);
    used_ -= given;
    returned.emplace(given, address);
    allocations.erase(found);
    return true;
}

std::pair<uintptr_t, size_t> Memory::allocation(uintptr_t address) const {
    const Guard guard(device_lock);
    auto after = allocations.upper_bound(address);
    if (after == allocations.begin()) return {0, 0};
    --after;
    // Also for what lies in the gap behind it.
    if (address >= after->first + with_gap(after->second)) return {0, 0};
    return *after;
}

bool Memory::inside(uintptr_t address, size_t bytes) const {
    const auto [begin, size] = allocation(address);
    return begin != 0 && address + bytes <= begin + size;
}

void Memory::mark_written(uintptr_t address, size_t bytes) {
    change(address, bytes, [](Cell& one, uint8_t bits) { one.written |= bits; });
}

std::string Memory::words(uintptr_t address) const {
    const auto [begin, size] = allocation(address);
    if (begin == 0) return "global memory that is not allocated";
    return "byte " + std::to_string(address - begin) + " of an array of " + std::to_string(size) + " bytes";
}

}  // namespace emulator
