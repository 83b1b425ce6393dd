#include "queue.hpp"

#include <deque>
#include <utility>

namespace emulator {

std::map<std::string, Kernel> kernels;

namespace {

constexpr size_t MOST_PENDING = 64;
std::deque<Launch> pending;

}  // namespace

void enqueue(Launch launch) {
    pending.push_back(std::move(launch));
    // The host does not wait for the device, and must not count on that the device is late.
    if (pending.size() > MOST_PENDING || device.below(4) == 0) run_pending();
}

void run_pending() {
    while (!pending.empty()) {
        const Launch launch = std::move(pending.front());
        pending.pop_front();
        if (!device.fails()) execute(launch);
    }
}

}  // namespace emulator
