// Several threads of the host may call the driver, also while a kernel runs: Python gives back arrays in any of them.
// What they do to the device is done one after the other, a run of all pending launches as a whole.
#pragma once

#include <mutex>

namespace emulator {

inline std::recursive_mutex device_lock;
using Guard = std::lock_guard<std::recursive_mutex>;

}  // namespace emulator
