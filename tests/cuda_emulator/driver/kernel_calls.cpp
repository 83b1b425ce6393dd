// What the code of kernels calls in place of the instructions and registers of a GPU.
#include <cstdint>

#include "checks.hpp"
#include "findings.hpp"
#include "launch.hpp"

#define CALLED extern "C" __attribute__((visibility("default")))

using namespace emulator;

CALLED uint32_t emulator_thread() { return current.thread->index; }
CALLED uint32_t emulator_threads() { return current.launch->threads; }
CALLED uint32_t emulator_block() { return current.block->index; }
CALLED uint32_t emulator_blocks() { return current.launch->blocks; }
CALLED uint32_t emulator_zero() { return 0; }
CALLED uint32_t emulator_one() { return 1; }

CALLED void emulator_barrier(uint32_t site) { wait_at_barrier(site); }
CALLED void emulator_warp_barrier(uint32_t mask, uint32_t site) { wait_at_warp_barrier(mask, site); }

constexpr uint64_t GRID = 0x6772696421;
CALLED uint64_t emulator_grid(uint32_t) { return GRID; }
CALLED uint32_t emulator_grid_barrier(uint64_t grid, uint32_t, uint32_t site) {
    if (grid != GRID) Findings::add("divergent barrier", site, "a grid that was not asked for");
    wait_at_grid_barrier(site);
    return 0;
}

CALLED void emulator_fence() { fence(); }

CALLED uintptr_t emulator_read(uintptr_t address, uint32_t bytes, uint32_t site) {
    return check_read(address, bytes, site);
}
CALLED uintptr_t emulator_write(uintptr_t address, uint32_t bytes, uint32_t site) {
    return check_write(address, bytes, site);
}
CALLED uintptr_t emulator_atomic(uintptr_t address, uint32_t bytes, uint32_t site) {
    return check_atomic(address, bytes, site);
}
CALLED void emulator_local(uintptr_t address, uint64_t bytes) { local_array(address, bytes); }
