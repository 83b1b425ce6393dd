#include "findings.hpp"

#include <map>
#include <tuple>
#include <utility>

#include "launch.hpp"

namespace emulator {

Counts counts{};

namespace {

using Key = std::tuple<std::string, std::string, uint32_t>;
std::map<Key, std::pair<uint64_t, std::string>> found;

}  // namespace

void Findings::add(const std::string& kind, uint32_t site, const std::string& detail) {
    auto& [times, first] = found[{kind, current.kernel ? current.kernel->name : "", site}];
    if (times++ == 0) first = detail + current.words();
}

std::string Findings::text() {
    std::string all;
    for (const auto& [key, entry] : found) {
        const auto& [kind, kernel, site] = key;
        all += kind + " | " + kernel + " | " + std::to_string(site) + " | " + std::to_string(entry.first) + " | " +
               entry.second + "\n";
    }
    return all;
}

void Findings::forget() { found.clear(); }

}  // namespace emulator
