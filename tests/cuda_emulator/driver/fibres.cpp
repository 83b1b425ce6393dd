#include "fibres.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#ifndef __x86_64__
#error "fibres are written for x86-64"
#endif

// Saves what a function must keep (registers, and how floats are rounded), and goes on where `to` was left.
extern "C" void emulator_switch(void** from, void* to);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
.type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

namespace emulator {

namespace {

constexpr size_t GUARD = 4096;
constexpr uint64_t DEFAULT_MXCSR = 0x1f80;

}  // namespace

Stack::Stack() : words_(SIZE / 4, NOTHING) {
    void* memory =
        mmap(nullptr, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    // A kernel that needs more ends with a fault, not in the memory of another thread.
    mprotect(memory, GUARD, PROT_NONE);
    begin_ = reinterpret_cast<uintptr_t>(memory);
}

Stack::~Stack() { munmap(reinterpret_cast<void*>(begin_), SIZE); }

void Stack::mark(uintptr_t address, size_t bytes, Word word) {
    const size_t first = (address - begin_) / 4, end = (address + bytes - begin_ + 3) / 4;
    std::fill(words_.begin() + long(first), words_.begin() + long(std::min(end, words_.size())), word);
}

void Stack::add_array(uintptr_t address, size_t bytes) {
    mark(address, bytes, UNWRITTEN);
    arrays_.emplace_back(address, bytes);
}

void Stack::clear() {
    for (const auto& [address, bytes] : arrays_) mark(address, bytes, NOTHING);
    arrays_.clear();
}

void Fibre::begin(Stack& stack, void (*body)()) {
    auto* place = reinterpret_cast<uint64_t*>(stack.top() & ~uintptr_t{15});
    *--place = 0;  // where a return address would be: the body does not return
    *--place = reinterpret_cast<uint64_t>(body);
    for (int k = 0; k < 6; ++k) *--place = 0;
    *--place = DEFAULT_MXCSR;
    here_ = place;
}

void Fibre::go_on() { emulator_switch(&caller_, here_); }

void Fibre::give_way() { emulator_switch(&here_, caller_); }

}  // namespace emulator
