// What Python calls: settings, kernels, and what was found.
#include <cstring>

#include "findings.hpp"
#include "launch.hpp"
#include "lock.hpp"
#include "queue.hpp"

#define CALLED extern "C" __attribute__((visibility("default")))

using namespace emulator;

CALLED void emulator_set_device(int processors, int blocks_per_processor, int capability, uint64_t bytes,
                                int draws_a_screen) {
    run_pending();
    memory.room = bytes;
    device.draws_a_screen = draws_a_screen != 0;
    device.processors = processors;
    device.blocks_per_processor = blocks_per_processor;
    device.capability = capability;
}

// The device fails in place of the launch after so many, with this error of the driver; with 0 it is well again.
CALLED void emulator_fail(uint64_t launches, int error) {
    run_pending();
    device.fault = 0;
    device.coming_fault = error;
    device.launches_left = launches;
}

CALLED void emulator_set_driver(int version, int error) {
    device.driver_version = version;
    device.fault = error;
}

CALLED void emulator_set_seed(uint64_t seed) {
    run_pending();
    device.random.seed(seed);
}

CALLED uint64_t emulator_window() { return shared_window.begin(); }
CALLED uint64_t emulator_window_size() { return SharedWindow::SIZE; }
CALLED uint64_t emulator_window_gap() { return SharedWindow::GAP; }

// `ranges` are beginnings and sizes of the shared arrays, in the order of their addresses, then of constants.
CALLED void emulator_add_kernel(const char* name, void (*code)(void**), const uint32_t* sizes, uint32_t count,
                                int registers, const uint64_t* ranges, uint32_t shared, uint32_t constants) {
    const Guard guard(device_lock);
    Kernel& kernel = kernels[name];
    kernel = {name, code, {sizes, sizes + count}, registers, {}, {}};
    for (uint32_t k = 0; k < shared + constants; ++k)
        (k < shared ? kernel.shared : kernel.constants).push_back({ranges[2 * k], ranges[2 * k + 1]});
}

// Runs what was launched; the findings so far, whose length is returned.
CALLED uint64_t emulator_findings(char* text, uint64_t size) {
    run_pending();
    const std::string all = Findings::text();
    if (all.size() < size) std::memcpy(text, all.c_str(), all.size() + 1);
    return all.size();
}

CALLED void emulator_forget() {
    run_pending();
    Findings::forget();
    counts = {};
}

CALLED void emulator_counts(uint64_t* numbers) {
    run_pending();
    std::memcpy(numbers, &counts, sizeof counts);
}
