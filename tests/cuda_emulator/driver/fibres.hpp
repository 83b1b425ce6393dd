// Fibres: the threads of a kernel, each with a stack of its own, of which one runs until it gives way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace emulator {

// A stack, and for each of its words whether a local array of the kernel lies there and has been written.
class Stack {
public:
    static constexpr size_t SIZE = 256 * 1024;
    enum Word : uint8_t { NOTHING, UNWRITTEN, WRITTEN };

    Stack();
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    bool holds(uintptr_t address) const { return address - begin_ < SIZE; }
    Word& word(uintptr_t address) { return words_[(address - begin_) / 4]; }
    uintptr_t top() const { return begin_ + SIZE; }
    void add_array(uintptr_t address, size_t bytes);
    // Forgets the arrays.
    void clear();

private:
    void mark(uintptr_t address, size_t bytes, Word word);

    uintptr_t begin_;
    std::vector<Word> words_;
    std::vector<std::pair<uintptr_t, size_t>> arrays_;
};

class Fibre {
public:
    // Gets ready to run `body`, which must not return.
    void begin(Stack& stack, void (*body)());
    // Runs it until it calls `give_way`.
    void go_on();
    // From within: back to the caller of `go_on`.
    void give_way();

private:
    void* here_ = nullptr;
    void* caller_ = nullptr;
};

}  // namespace emulator
