// A moment after which work is to stop. Long loops look now and then; nothing is ever interrupted.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace diptych::base {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // Never passes.
  Deadline() = default;
  // `milliseconds` from now; 0 is never.
  static Deadline in(std::uint32_t milliseconds) {
    Deadline deadline;
    deadline.milliseconds_ = milliseconds;
    if (milliseconds > 0) deadline.at_ = Clock::now() + std::chrono::milliseconds(milliseconds);
    return deadline;
  }

  [[nodiscard]] bool passed() const noexcept { return at_ && Clock::now() >= *at_; }
  [[nodiscard]] bool is_set() const noexcept { return at_.has_value(); }
  // What is left, negative when it has passed. Only where is_set().
  [[nodiscard]] Clock::duration left() const noexcept { return *at_ - Clock::now(); }
  [[nodiscard]] std::uint32_t milliseconds() const noexcept { return milliseconds_; }

 private:
  std::optional<Clock::time_point> at_;
  std::uint32_t milliseconds_ = 0;
};

}  // namespace diptych::base
