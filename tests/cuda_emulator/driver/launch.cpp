#include "launch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cache.hpp"
#include "checks.hpp"
#include "findings.hpp"

namespace emulator {

Device device;
Current current;

int Kernel::most_threads() const { return std::min(1024, 65536 / std::max(registers, 1) / 32 * 32); }

size_t Kernel::shared_bytes() const {
    return shared.empty() ? 0 : shared.back().begin + shared.back().size - shared_window.begin();
}

std::string Current::words() const {
    if (block == nullptr) return "";
    std::string who = "; block " + std::to_string(block->index);
    if (thread != nullptr) who += ", thread " + std::to_string(thread->index);
    return who + ", epoch " + std::to_string(block->epoch);
}

namespace {

// So often in a row may threads give way without any of them coming to a barrier or to its end.
constexpr uint64_t PATIENCE = 100'000;
constexpr uint32_t WARP = 32;

std::vector<std::unique_ptr<Stack>> spare_stacks;

template <typename Item>
void shuffle(std::vector<Item>& items) {
    for (size_t last = items.size(); last > 1; --last) std::swap(items[last - 1], items[device.below(last)]);
}

void body() {
    current.kernel->code(current.parameters.data());
    current.thread->state = Thread::ENDED;
    current.thread->fibre.give_way();
}

class Execution {
public:
    explicit Execution(const Launch& launch) : launch_(launch) {
        for (uint32_t index = 0; index < launch.blocks; ++index) waiting_.push_back(index);
        shuffle(waiting_);
    }

    void run() {
        const size_t room = size_t(device.processors) * size_t(device.blocks_per_processor);
        for (;;) {
            while (!waiting_.empty() && resident_.size() < room) begin_block();
            if (resident_.empty()) return;
            std::vector<Block*> runnable;
            for (auto& block : resident_)
                if (is_runnable(*block)) runnable.push_back(block.get());
            if (runnable.empty()) {
                if (!pass_grid_barrier()) return;
                continue;
            }
            if (++idle_ > PATIENCE) return abandon("threads wait for one another forever");
            Block& block = *runnable[device.below(runnable.size())];
            run_some(block);
            settle(block);
        }
    }

    ~Execution() {
        for (auto& block : resident_) end_block(*block);
        store_shared();
    }

private:
    static bool is_runnable(const Block& block) {
        return std::any_of(block.threads.begin(), block.threads.end(),
                           [](const Thread& thread) { return thread.state == Thread::READY; });
    }

    void begin_block() {
        auto block = std::make_unique<Block>();
        block->index = waiting_.back();
        waiting_.pop_back();
        block->processor = free_processor();
        block->shared.assign(launch_.kernel->shared_bytes(), 0xff);
        block->cells.assign((block->shared.size() + 3) / 4, Cell{});
        for (const Range& array : launch_.kernel->shared)
            for (uintptr_t at = array.begin; at < array.begin + array.size; at += 4)
                block->cells[(at - shared_window.begin()) / 4].live = 0xf;
        block->threads = std::vector<Thread>(launch_.threads);
        for (uint32_t index = 0; index < launch_.threads; ++index) {
            Thread& thread = block->threads[index];
            thread.index = static_cast<uint16_t>(index);
            if (spare_stacks.empty()) spare_stacks.push_back(std::make_unique<Stack>());
            thread.stack = std::move(spare_stacks.back());
            spare_stacks.pop_back();
            thread.fibre.begin(*thread.stack, body);
        }
        ++counts.blocks;
        resident_.push_back(std::move(block));
    }

    int free_processor() const {
        std::vector<int> load(size_t(device.processors));
        for (const auto& block : resident_) ++load[size_t(block->processor)];
        return static_cast<int>(std::min_element(load.begin(), load.end()) - load.begin());
    }

    static void end_block(Block& block) {
        for (Thread& thread : block.threads) {
            thread.stack->clear();
            spare_stacks.push_back(std::move(thread.stack));
        }
    }

    // The threads that can run, or some of them, one after another up to where each must wait.
    void run_some(Block& block) {
        show_shared(block);
        std::vector<Thread*> ready;
        for (Thread& thread : block.threads)
            if (thread.state == Thread::READY) ready.push_back(&thread);
        shuffle(ready);
        const size_t count = device.below(2) ? ready.size() : 1 + device.below(ready.size());
        current.block = &block;
        for (size_t k = 0; k < count; ++k) {
            current.thread = ready[k];
            current.thread->fibre.go_on();
            if (current.thread->state != Thread::READY) idle_ = 0;
        }
        current.thread = nullptr;
        current.block = nullptr;
    }

    // Lets the threads of a block go on if all have come to a barrier, and ends the block if all have ended.
    void settle(Block& block) {
        if (is_runnable(block)) return;
        size_t at_barrier = 0, at_warp = 0, at_grid = 0, ended = 0;
        uint32_t site = 0;
        bool same = true;
        for (const Thread& thread : block.threads) {
            at_barrier += thread.state == Thread::AT_BARRIER;
            at_warp += thread.state == Thread::AT_WARP_BARRIER;
            at_grid += thread.state == Thread::AT_GRID_BARRIER;
            ended += thread.state == Thread::ENDED;
            if (thread.state == Thread::ENDED) continue;
            same &= site == 0 || site == thread.site;
            site = thread.site;
        }
        current.block = &block;
        // A warp does not wait for those of its threads that have ended.
        const bool stragglers = ended > 0 && at_warp == 0;
        if ((at_barrier > 0) + (at_warp > 0) + (at_grid > 0) + stragglers > 1 || !same) {
            Findings::add("divergent barrier", site,
                          std::to_string(at_barrier) + " threads wait for their block, " + std::to_string(at_warp) +
                              " for their warp, " + std::to_string(at_grid) +
                              " for the grid, " + std::to_string(ended) + " have ended" +
                              (same ? "" : "; at different places"));
        }
        if (at_barrier + at_warp > 0) pass_barrier(block);
        current.block = nullptr;
        if (ended == block.threads.size()) {
            end_block(block);
            if (shown_ == &block) shown_ = nullptr;
            resident_.erase(std::find_if(resident_.begin(), resident_.end(),
                                         [&](const auto& other) { return other.get() == &block; }));
            ++ended_;
        }
    }

    static void pass_barrier(Block& block) {
        ++counts.barriers;
        ++block.epoch;
        for (Thread& thread : block.threads) {
            block.known.merge(thread.acquired);
            if (thread.state == Thread::AT_BARRIER || thread.state == Thread::AT_WARP_BARRIER)
                thread.state = Thread::READY;
        }
    }

    // False if not all threads of the grid are there: then the rest of the launch is given up.
    bool pass_grid_barrier() {
        if (!launch_.cooperative) return abandon("barrier of the grid in a launch that is not cooperative"), false;
        bool all = ended_ == 0 && waiting_.empty();
        for (const auto& block : resident_)
            for (const Thread& thread : block->threads) all &= thread.state == Thread::AT_GRID_BARRIER;
        if (!all) return abandon("barrier of the grid to which not all threads come"), false;
        ++counts.grid_barriers;
        uint32_t last = 0;
        for (const auto& block : resident_) last = std::max(last, block->epoch);
        current.synced = last + 1;
        for (const auto& block : resident_) {
            block->epoch = current.synced;
            for (Thread& thread : block->threads) thread.state = Thread::READY;
        }
        caches.invalidate_all();
        forget_more_reads();
        return true;
    }

    void abandon(const char* why) {
        current.block = resident_.front().get();
        Findings::add("deadlock", 0, why);
        current.block = nullptr;
    }

    void show_shared(Block& block) {
        if (shown_ == &block) return;
        store_shared();
        std::memcpy(reinterpret_cast<void*>(shared_window.begin()), block.shared.data(), block.shared.size());
        shown_ = &block;
    }

    void store_shared() {
        if (shown_ == nullptr) return;
        std::memcpy(shown_->shared.data(), reinterpret_cast<const void*>(shared_window.begin()),
                    shown_->shared.size());
        shown_ = nullptr;
    }

    const Launch& launch_;
    std::vector<uint32_t> waiting_;
    std::vector<std::unique_ptr<Block>> resident_;
    Block* shown_ = nullptr;  // whose shared arrays are in the window
    size_t ended_ = 0;
    uint64_t idle_ = 0;
};

}  // namespace

void execute(const Launch& launch) {
    current.kernel = launch.kernel;
    current.launch = &launch;
    ++current.number;
    current.synced = 0;
    current.parameters.clear();
    for (const auto& bytes : launch.parameters)
        current.parameters.push_back(const_cast<uint8_t*>(bytes.data()));
    ++counts.launches;
    caches.invalidate_all();
    forget_more_reads();
    forget_atomics();
    { Execution(launch).run(); }
    current.kernel = nullptr;
    current.launch = nullptr;
}

void wait_at_barrier(uint32_t site) {
    current.thread->state = Thread::AT_BARRIER;
    current.thread->site = site;
    current.thread->fibre.give_way();
}

void wait_at_warp_barrier(uint32_t mask, uint32_t site) {
    // Only where a warp is a whole block, to which one clock is enough.
    if (mask != ~uint32_t{0} || current.launch->threads > WARP)
        Findings::add("not emulated", site, "a barrier of some threads of a warp, or of one of several warps");
    current.thread->state = Thread::AT_WARP_BARRIER;
    current.thread->site = site;
    current.thread->fibre.give_way();
}

void wait_at_grid_barrier(uint32_t site) {
    current.thread->state = Thread::AT_GRID_BARRIER;
    current.thread->site = site;
    current.thread->fibre.give_way();
}

void give_way() { current.thread->fibre.give_way(); }

}  // namespace emulator
