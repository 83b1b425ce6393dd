// Launches that were asked for: they run late or at once, as it happens, and always in their order.
#pragma once

#include <map>
#include <string>

#include "launch.hpp"

namespace emulator {

// Kernels that were compiled, by name.
extern std::map<std::string, Kernel> kernels;

void enqueue(Launch launch);
void run_pending();

}  // namespace emulator
