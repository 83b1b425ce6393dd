// A launch: its blocks, their threads, and who runs when.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "clocks.hpp"
#include "fibres.hpp"
#include "memory.hpp"

namespace emulator {

// A range of addresses: a shared array in the window, or constants of a kernel.
struct Range {
    uintptr_t begin;
    size_t size;
    bool holds(uintptr_t address) const { return address - begin < size; }
};

struct Kernel {
    std::string name;
    void (*code)(void** parameters);
    std::vector<uint32_t> parameter_sizes;
    int registers;
    std::vector<Range> shared;
    std::vector<Range> constants;

    int most_threads() const;
    size_t shared_bytes() const;  // of the window, from its beginning
};

struct Launch {
    const Kernel* kernel;
    uint32_t blocks, threads;
    bool cooperative;
    std::vector<std::vector<uint8_t>> parameters;
};

// The device that is emulated, and the seed of schedules.
struct Device {
    int processors = 2;
    int blocks_per_processor = 1;
    int capability = 90;
    bool draws_a_screen = false;  // then the driver of a real one ends long launches
    int driver_version = 13000;
    int fault = 0;              // what every call returns once it has happened
    int coming_fault = 0;       // happens in place of a launch
    uint64_t launches_left = 0;  // before that one
    std::mt19937_64 random{1};

    // Whether it fails now, in place of a launch, or has failed before.
    bool fails() {
        if (fault == 0 && coming_fault != 0 && launches_left-- == 0) fault = coming_fault;
        return fault != 0;
    }
    uint32_t below(size_t bound) { return static_cast<uint32_t>(random() % bound); }
};

extern Device device;

// A copy into shared memory that goes on while its thread does something else.
struct Copy {
    uintptr_t target, source;
};

struct Thread {
    enum State { READY, AT_BARRIER, AT_WARP_BARRIER, AT_GRID_BARRIER, ENDED };
    Fibre fibre;
    std::unique_ptr<Stack> stack;
    State state = READY;
    uint16_t index = 0;
    uint32_t site = 0;  // of the barrier where it waits
    Clock observed;     // what atomics have shown, of use after a fence
    Clock acquired;     // what a fence made of that
    Clock released;     // what the last fence lets others know
    std::vector<std::vector<Copy>> copies{1};  // groups of them that have not been waited for; the last one is open
};

struct Block {
    uint32_t index = 0;
    int processor = 0;
    uint32_t epoch = 1;
    std::vector<Thread> threads;
    std::vector<uint8_t> shared;
    std::vector<Cell> cells;
    Clock known;
};

// What runs right now.
struct Current {
    const Kernel* kernel = nullptr;
    const Launch* launch = nullptr;
    Block* block = nullptr;
    Thread* thread = nullptr;
    uint32_t number = 0;  // of the launch
    uint32_t synced = 0;  // what was before this epoch, of any block, came before all that is now
    std::vector<void*> parameters;

    std::string words() const;
};

extern Current current;

void execute(const Launch& launch);

// The running thread waits, or lets others go first.
void wait_at_barrier(uint32_t site);
void wait_at_warp_barrier(uint32_t mask, uint32_t site);
void wait_at_grid_barrier(uint32_t site);
void give_way();

}  // namespace emulator
