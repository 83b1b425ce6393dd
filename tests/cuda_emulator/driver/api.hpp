// Names for the functions of the driver that are emulated. Only what numba-cuda and cuda.core call is there; a program
// that calls another one is told its name by the bindings.
#pragma once

#include <cuda.h>

#include <vector>

#include "launch.hpp"

#define API extern "C" __attribute__((visibility("default"))) CUresult

namespace emulator {

using Graph = std::vector<Launch>;

// A stream: what is launched into it is recorded while it captures.
struct Stream {
    Graph* recorded = nullptr;
};

// What a call returns that has done its part, after what was launched before: success, or what the device has failed of.
inline CUresult outcome() { return CUresult(device.fault); }

// The default stream, by any of its handles.
inline bool is_default(CUstream stream) { return reinterpret_cast<uintptr_t>(stream) <= 2; }

}  // namespace emulator
