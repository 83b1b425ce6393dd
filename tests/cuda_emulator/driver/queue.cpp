#include "queue.hpp"

#include <deque>
#include <utility>

#include "lock.hpp"

namespace emulator {

std::map<std::string, Kernel> kernels;

namespace {

constexpr size_t MOST_PENDING = 64;
std::deque<Launch> pending;

}  // namespace

void enqueue(Launch launch) {
    const Guard guard(device_lock);
    pending.push_back(std::move(launch));
    // The host does not wait for the device, and must not count on that the device is late.
    if (pending.size() > MOST_PENDING || device.below(4) == 0) run_pending();
}

void run_pending() {
    const Guard guard(device_lock);
    while (!pending.empty()) {
        const Launch launch = std::move(pending.front());
        pending.pop_front();
        if (!device.fails()) execute(launch);
    }
}

}  // namespace emulator
