// A lock on a folder that ends with the process, however that ends.
#pragma once

#include <optional>
#include <string>

namespace diptych::base {

// -1 where the folder cannot be opened or its file system has no locks: the caller goes without.
constexpr int no_locks_here = -1;

// Takes the lock: the descriptor that holds it until it is closed. Empty where another holder has it.
std::optional<int> lock_folder(const std::string& path);

}  // namespace diptych::base
