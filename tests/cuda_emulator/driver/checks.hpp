// What is checked at each access of a thread: bounds, alignment, values never written, races, stale cache lines.
#pragma once

#include <cstdint>

namespace emulator {

// Where the thread is to read or write instead of `address`: there, from an old copy in its cache, or, if the
// address is none of its own, where it does no harm.
uintptr_t check_read(uintptr_t address, uint32_t bytes, uint32_t site);
uintptr_t check_write(uintptr_t address, uint32_t bytes, uint32_t site);
// An atomic operation on a word or two; other threads may go first.
uintptr_t check_atomic(uintptr_t address, uint32_t bytes, uint32_t site);
// What is in shared memory may no longer be read: something else is on its way there.
void forget_written(uintptr_t address, uint32_t bytes);
// A memory fence of the device.
void fence();
// A local array of the running thread.
void local_array(uintptr_t address, uint64_t bytes);

// At a barrier of the grid, and at the beginning of a launch.
void forget_more_reads();
void forget_atomics();

}  // namespace emulator
