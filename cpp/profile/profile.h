// A profile: what the spans of all threads add up to, and a trace of the first and the last steps. Memory is bounded however long
// it is taken: one total for each label and thread, and of events so many as the limits allow. A thread that begins after another
// has ended goes on with that one's record.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "profile/span.h"

namespace chainrule::profile {

/// How much of a trace is kept on each thread.
struct TraceLimits {
  std::size_t first_steps = 20;
  std::size_t last_steps = 20;
  std::size_t events_of_step = 4096;  // further ones are counted only
};

/// The spans of one label on one thread.
struct Total {
  Label what = 0;
  std::uint64_t calls = 0;
  double seconds = 0;     // without the spans within
  double with_inner = 0;  // with them
  Work work;
};

/// A span, or where it has no length a sample, in seconds since the profile began.
struct Event {
  Label what = 0;
  bool is_sample = false;
  double begin = 0;
  double end = 0;
  double value = 0;  // of a sample
};

struct ThreadProfile {
  std::string name;
  std::vector<Total> totals;
  std::vector<Event> events;  // each thread's in the order in which they ended
  std::uint64_t dropped = 0;  // events that are not in the trace, for which it has no room
  std::uint64_t steps = 0;
};

struct LabelText {
  std::string operation;
  std::string layer;
  std::string type;
};

class Recording;

/// Takes a profile from construction to `stop`. One at a time: Error for a second.
class Profile {
 public:
  explicit Profile(TraceLimits limits);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  void stop() noexcept;
  /// Seconds from the beginning to the end, or to now.
  [[nodiscard]] double seconds() const noexcept;
  /// So far. Spans that are still open are not in it.
  [[nodiscard]] std::vector<ThreadProfile> threads() const;

 private:
  std::shared_ptr<Recording> recording_;
};

/// The texts of all labels, by number.
[[nodiscard]] std::vector<LabelText> labels();

}  // namespace chainrule::profile
