// Copies from the device's memory into shared memory that go on while their thread does something else.
//
// The device may make such a copy at any time from when it is asked for until its thread has waited for it. So it counts
// as an access at both of these times; and in between, there is nothing in its place that could be read.
#include <cstring>

#include "checks.hpp"
#include "findings.hpp"
#include "launch.hpp"

#define CALLED extern "C" __attribute__((visibility("default")))

using namespace emulator;

namespace {

constexpr uint32_t BYTES = 16;

void make(const Copy& copy) {
    alignas(BYTES) unsigned char numbers[BYTES];
    std::memcpy(numbers, reinterpret_cast<const void*>(check_read(copy.source, BYTES, 0)), BYTES);
    std::memcpy(reinterpret_cast<void*>(check_write(copy.target, BYTES, 0)), numbers, BYTES);
}

}  // namespace

CALLED void emulator_copy(uint64_t target, uint64_t source) {
    if (!shared_window.holds(target)) Findings::add("out of bounds", 0, "a copy to other than shared memory");
    const Copy copy{target, source};
    make(copy);
    std::memset(reinterpret_cast<void*>(target), 0xff, BYTES);
    forget_written(target, BYTES);
    current.thread->copies.back().push_back(copy);
}

CALLED void emulator_close_group() { current.thread->copies.emplace_back(); }

// Waits for all groups but the two newest.
CALLED void emulator_wait_2() {
    auto& groups = current.thread->copies;
    while (groups.size() > 3) {
        for (const Copy& copy : groups.front()) make(copy);
        groups.erase(groups.begin());
    }
}
