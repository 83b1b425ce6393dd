#include "checks.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache.hpp"
#include "findings.hpp"
#include "launch.hpp"

namespace emulator {

namespace {

alignas(16) unsigned char harmless[64];
std::unordered_map<const Cell*, std::vector<Access>> more_reads;
std::unordered_map<uintptr_t, Clock> told_by;  // what atomics on a word tell those who look at it

uintptr_t elsewhere() { return reinterpret_cast<uintptr_t>(harmless); }

std::string place(uintptr_t address) {
    if (memory.holds(address)) return memory.words(address);
    if (shared_window.holds(address)) return "byte " + std::to_string(address - shared_window.begin()) + " of shared memory";
    if (current.thread->stack->holds(address)) return "local memory";
    return "address " + std::to_string(address);
}

std::string by(const Access& other) {
    const std::string thread =
        other.thread == Access::MANY ? "several threads" : "thread " + std::to_string(other.thread);
    return " and " + thread + " of block " + std::to_string(other.block);
}

// Whether an earlier access is sure to have come before what the running thread does now.
bool came_before(const Access& other) {
    const Block& block = *current.block;
    if (other.block == block.index) return other.epoch < block.epoch || other.thread == current.thread->index;
    return other.epoch < current.synced || block.known.knows(other) || current.thread->acquired.knows(other);
}

Access access_now(bool atomic) {
    return {current.block->index, current.block->epoch, current.thread->index, atomic, true};
}

void check_against(const Access& other, bool atomic, const char* what, uintptr_t address, uint32_t site) {
    if (!other.made || (atomic && other.atomic) || came_before(other)) return;
    const char* where = other.block == current.block->index ? "race in a block" : "race between blocks";
    Findings::add(where, site, std::string(what) + ", " + place(address) + by(other));
}

void bring_up_to_date(Cell& cell) {
    if (cell.launch == current.number) return;
    cell.launch = current.number;
    cell.write = {};
    std::fill(std::begin(cell.reads), std::end(cell.reads), Access{});
    cell.more_reads = false;
}

// Of the reads of a block the last is kept: whoever comes after it comes after the others, too.
void join_read(Access& read, const Access& now) {
    const bool several = read.epoch == now.epoch && read.thread != now.thread;
    read = now;
    if (several) read.thread = Access::MANY;
}

void note_read(Cell& cell, uintptr_t address, uint32_t site) {
    bring_up_to_date(cell);
    check_against(cell.write, false, "reads what another writes", address, site);
    const Access now = access_now(false);
    Access* free = nullptr;
    for (Access& read : cell.reads) {
        if (read.made && read.block == now.block) return join_read(read, now);
        if (free == nullptr && (!read.made || came_before(read))) free = &read;
    }
    if (free != nullptr) {
        *free = now;
        return;
    }
    cell.more_reads = true;
    auto& others = more_reads[&cell];
    const auto known =
        std::find_if(others.begin(), others.end(), [&](const Access& read) { return read.block == now.block; });
    if (known != others.end()) join_read(*known, now);
    else others.push_back(now);
}

void note_write(Cell& cell, uintptr_t address, uint32_t site, bool atomic) {
    bring_up_to_date(cell);
    check_against(cell.write, atomic, "writes what another writes", address, site);
    for (Access& read : cell.reads) {
        check_against(read, atomic, "writes what another reads", address, site);
        read = {};
    }
    if (cell.more_reads) {
        for (const Access& read : more_reads[&cell])
            check_against(read, atomic, "writes what another reads", address, site);
        more_reads.erase(&cell);
        cell.more_reads = false;
    }
    cell.write = access_now(atomic);
}

uint8_t bits_of(uintptr_t word, uintptr_t address, uint32_t bytes) {
    uint8_t bits = 0;
    for (uint32_t k = 0; k < 4; ++k)
        if (word + k >= address && word + k < address + bytes) bits |= uint8_t(1 << k);
    return bits;
}

enum class Use { READ, WRITE, ATOMIC };

// Bounds, values and races of an access to global or shared memory; false if it is out of bounds.
template <typename CellOf>
bool check_cells(uintptr_t address, uint32_t bytes, uint32_t site, Use use, CellOf cell_of) {
    if (address % std::min<uint32_t>(bytes, 16) != 0)
        Findings::add("misaligned", site, std::to_string(bytes) + " bytes at once, " + place(address));
    const uintptr_t first = address & ~uintptr_t{3};
    for (uintptr_t word = first; word < address + bytes; word += 4) {
        Cell* cell = cell_of(word);
        const uint8_t bits = bits_of(word, address, bytes);
        if (cell == nullptr || (cell->live & bits) != bits) {
            Findings::add("out of bounds", site, (use == Use::READ ? "read, " : "write, ") + place(address));
            return false;
        }
    }
    for (uintptr_t word = first; word < address + bytes; word += 4) {
        Cell& cell = *cell_of(word);
        const uint8_t bits = bits_of(word, address, bytes);
        if (use != Use::WRITE && (cell.written & bits) != bits)
            Findings::add("never written", site, "read, " + place(word));
        if (use == Use::READ) {
            note_read(cell, word, site);
        } else {
            if (bits != 0xf) Findings::add("not emulated", site, "a write of less than 4 bytes, " + place(address));
            note_write(cell, word, site, use == Use::ATOMIC);
            cell.written |= bits;
        }
    }
    return true;
}

Cell* shared_cell(uintptr_t word) {
    const size_t place = (word - shared_window.begin()) / 4;
    return place < current.block->cells.size() ? &current.block->cells[place] : nullptr;
}

uintptr_t check_local(uintptr_t address, uint32_t bytes, uint32_t site, bool writes) {
    Stack& stack = *current.thread->stack;
    for (uintptr_t word = address & ~uintptr_t{3}; word < address + bytes; word += 4) {
        if (!stack.holds(word) || stack.word(word) == Stack::NOTHING) {
            Findings::add("out of bounds", site, writes ? "write, local memory" : "read, local memory");
            return elsewhere();
        }
        if (writes) stack.word(word) = Stack::WRITTEN;
        else if (stack.word(word) == Stack::UNWRITTEN) Findings::add("never written", site, "read, local memory");
    }
    return address;
}

uintptr_t check(uintptr_t address, uint32_t bytes, uint32_t site, Use use) {
    if (memory.holds(address)) {
        const bool fits = check_cells(address, bytes, site, use, [](uintptr_t word) { return &memory.cell(word); });
        return fits ? address : elsewhere();
    }
    if (shared_window.holds(address)) return check_cells(address, bytes, site, use, shared_cell) ? address : elsewhere();
    if (current.thread->stack->holds(address)) return check_local(address, bytes, site, use != Use::READ);
    const auto& constants = current.kernel->constants;
    const bool constant = std::any_of(constants.begin(), constants.end(),
                                      [&](const Range& range) { return range.holds(address); });
    if (constant && use == Use::READ) return address;
    Findings::add("out of bounds", site, (use == Use::READ ? "read, " : "write, ") + place(address));
    return elsewhere();
}

}  // namespace

uintptr_t check_read(uintptr_t address, uint32_t bytes, uint32_t site) {
    ++counts.reads;
    const uintptr_t checked = check(address, bytes, site, Use::READ);
    if (!memory.holds(checked) || device.processors == 1) return checked;
    bool is_stale = false;
    const uintptr_t seen = caches.read(current.block->processor, checked, bytes, is_stale);
    if (is_stale) Findings::add("stale cache line", site, "read, " + place(address));
    return seen;
}

uintptr_t check_write(uintptr_t address, uint32_t bytes, uint32_t site) {
    ++counts.writes;
    const uintptr_t checked = check(address, bytes, site, Use::WRITE);
    if (memory.holds(checked) && device.processors > 1) caches.write(current.block->processor, checked, bytes);
    return checked;
}

uintptr_t check_atomic(uintptr_t address, uint32_t bytes, uint32_t site) {
    give_way();
    ++counts.writes;
    const uintptr_t checked = check(address, bytes, site, Use::ATOMIC);
    if (memory.holds(checked) && device.processors > 1) caches.write(current.block->processor, checked, bytes);
    Clock& told = told_by[address];
    current.thread->observed.merge(told);
    told.merge(current.thread->released);
    return checked;
}

void forget_written(uintptr_t address, uint32_t bytes) {
    for (uintptr_t word = address; word < address + bytes; word += 4)
        if (Cell* cell = shared_window.holds(word) ? shared_cell(word) : nullptr) cell->written = 0;
}

void fence() {
    ++counts.fences;
    Thread& thread = *current.thread;
    const Block& block = *current.block;
    thread.acquired.merge(thread.observed);
    thread.released.merge(block.known);
    thread.released.merge(thread.acquired);
    thread.released.learn_block(block.index, block.epoch);
    thread.released.learn_thread(block.index, thread.index, block.epoch);
    caches.invalidate(block.processor);
}

void local_array(uintptr_t address, uint64_t bytes) { current.thread->stack->add_array(address, bytes); }

void forget_more_reads() { more_reads.clear(); }

void forget_atomics() { told_by.clear(); }

}  // namespace emulator
