#include "profile/profile.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <tuple>

#include "base/buffer.h"
#include "base/error.h"

namespace chainrule::profile {
namespace {

using Clock = std::chrono::steady_clock;

// In the order of Always.
constexpr const char* kAlways[] = {"gather",     "gather targets",     "barrier wait",  "training loop", "evaluation",
                                   "prediction", "unpack predictions", "row gradients", "loss",          "rows"};
static_assert(std::size(kAlways) == rows_so_far + 1);

struct Labels {
  Labels() {
    for (const char* const operation : kAlways) add({operation, {}, {}});
  }
  Label add(const LabelText& text) {
    const auto [found, is_new] =
        numbers.try_emplace(std::tuple(text.operation, text.layer, text.type), static_cast<Label>(texts.size()));
    if (is_new) texts.push_back(text);
    return found->second;
  }

  std::mutex mutex;
  std::map<std::tuple<std::string, std::string, std::string>, Label> numbers;
  std::vector<LabelText> texts;
};

Labels& all_labels() {
  static Labels labels;
  return labels;
}

/// Held for a few instructions by its own thread, and for a copy by whoever looks at the profile.
class SpinLock {
 public:
  void lock() noexcept {
    while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() noexcept { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};

struct RawTotal {
  std::uint64_t calls = 0;
  Ticks own = 0;
  Ticks with_inner = 0;
  Work work;
};

struct RawEvent {
  Label what = 0;
  bool is_sample = false;
  Ticks begin = 0;
  Ticks end = 0;
  double value = 0;
};

struct OpenSpan {
  Label what = 0;
  Ticks begin = 0;
  Ticks inner = 0;  // in spans within it
  Work work;
};

/// What one thread has recorded.
class alignas(kCacheLine) ThreadRecord {
 public:
  ThreadRecord(std::string name, TraceLimits limits) : name_(std::move(name)), limits_(limits) { open_.reserve(64); }

  void begin(Label what, Work work) {
    open_.push_back({what, 0, 0, work});
    open_.back().begin = ticks();
  }

  void end() {
    const Ticks now = ticks();
    if (open_.empty()) return;
    const OpenSpan span = open_.back();
    open_.pop_back();
    const Ticks length = now - span.begin;
    if (!open_.empty()) open_.back().inner += length;
    const std::lock_guard lock(lock_);
    if (span.what >= totals_.size()) totals_.resize(span.what + 1);
    RawTotal& total = totals_[span.what];
    ++total.calls;
    total.own += length - std::min(length, span.inner);
    total.with_inner += length;
    total.work += span.work;
    keep({span.what, false, span.begin, now, 0});
  }

  void sample(Label what, double value) {
    const Ticks now = ticks();
    const std::lock_guard lock(lock_);
    keep({what, true, now, now, value});
  }

  void count_step() {
    const std::lock_guard lock(lock_);
    ++steps_;
    if (is_first() || limits_.last_steps == 0) return;
    std::vector<RawEvent> events;
    if (last_.size() == limits_.last_steps) {  // the oldest's memory: it has room for a step
      events = std::move(last_.front());
      last_.pop_front();
      dropped_ += events.size();
      events.clear();
    }
    last_.push_back(std::move(events));
  }

  /// Ticks become seconds after `origin` by `factor`.
  [[nodiscard]] ThreadProfile read(Ticks origin, double factor) {
    const std::lock_guard lock(lock_);
    ThreadProfile result{name_, {}, {}, dropped_, steps_};
    for (Label what = 0; what < totals_.size(); ++what) {
      const RawTotal& raw = totals_[what];
      if (raw.calls == 0) continue;
      result.totals.push_back(
          {what, raw.calls, static_cast<double>(raw.own) * factor, static_cast<double>(raw.with_inner) * factor, raw.work});
    }
    const auto seconds = [&](Ticks at) { return static_cast<double>(at - std::min(at, origin)) * factor; };
    const auto add = [&](const std::vector<RawEvent>& events) {
      for (const RawEvent& raw : events) {
        result.events.push_back({raw.what, raw.is_sample, seconds(raw.begin), seconds(raw.end), raw.value});
      }
    };
    add(first_);
    for (const std::vector<RawEvent>& of_step : last_) add(of_step);
    return result;
  }

 private:
  [[nodiscard]] bool is_first() const { return steps_ <= limits_.first_steps; }

  void keep(const RawEvent& event) {
    // What comes before the first step has the room of the first steps.
    std::vector<RawEvent>* const events = is_first() ? &first_ : last_.empty() ? nullptr : &last_.back();
    const std::size_t room = limits_.events_of_step * (is_first() ? limits_.first_steps : 1);
    if (events == nullptr || events->size() >= room) {
      ++dropped_;
    } else {
      events->push_back(event);
    }
  }

  std::string name_;
  TraceLimits limits_;
  std::vector<OpenSpan> open_;  // only of interest to the thread itself

  SpinLock lock_;                 // of what follows
  std::vector<RawTotal> totals_;  // by label
  std::vector<RawEvent> first_;
  std::deque<std::vector<RawEvent>> last_;
  std::uint64_t dropped_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace

/// The records of the threads that have said something while it was taken.
class Recording {
 public:
  explicit Recording(TraceLimits limits) : limits_(limits), origin_(ticks()), began_(Clock::now()) {}

  /// One that a thread has given back, or a new one: there are never more than there were threads at once.
  [[nodiscard]] ThreadRecord& take_record() {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      ThreadRecord& record = *free_.back();
      free_.pop_back();
      return record;
    }
    free_.reserve(records_.size() + 1);  // so that giving back cannot fail
    return *records_.emplace_back(std::make_unique<ThreadRecord>("thread " + std::to_string(records_.size()), limits_));
  }

  void give_back(ThreadRecord& record) noexcept {
    const std::lock_guard lock(mutex_);
    if (&record != records_.front().get()) free_.push_back(&record);  // the first is that of whoever takes the profile
  }

  void stop() noexcept {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    end_ticks_ = ticks();
    ended_ = Clock::now();
  }

  [[nodiscard]] double seconds() const noexcept {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration<double>((stopped_ ? ended_ : Clock::now()) - began_).count();
  }

  [[nodiscard]] std::vector<ThreadProfile> threads() const {
    const double length = seconds();
    const std::lock_guard lock(mutex_);
    const Ticks passed = (stopped_ ? end_ticks_ : ticks()) - origin_;
    const double factor = passed == 0 ? 0.0 : length / static_cast<double>(passed);
    std::vector<ThreadProfile> all;
    for (const std::unique_ptr<ThreadRecord>& record : records_) all.push_back(record->read(origin_, factor));
    return all;
  }

 private:
  mutable std::mutex mutex_;
  TraceLimits limits_;
  Ticks origin_;
  Clock::time_point began_;
  bool stopped_ = false;
  Ticks end_ticks_ = 0;
  Clock::time_point ended_;
  std::vector<std::unique_ptr<ThreadRecord>> records_;
  std::vector<ThreadRecord*> free_;
};

namespace {

std::mutex g_mutex;
std::shared_ptr<Recording> g_recording;      // that is being taken
std::atomic<std::uint64_t> g_generation{0};  // of g_recording

/// Where the calling thread writes. It keeps the recording alive: spans that are open when a profile ends still end there.
struct Mine {
  Mine() = default;
  Mine(const Mine&) = delete;
  Mine& operator=(const Mine&) = delete;
  ~Mine() {
    if (record != nullptr) recording->give_back(*record);
  }

  std::uint64_t generation = 0;
  std::shared_ptr<Recording> recording;
  ThreadRecord* record = nullptr;
};
thread_local Mine t_mine;

void write_to(std::shared_ptr<Recording> recording, std::uint64_t generation) {
  t_mine.record = nullptr;
  t_mine.generation = generation;
  t_mine.recording = std::move(recording);
  if (t_mine.recording) t_mine.record = &t_mine.recording->take_record();
}

ThreadRecord* record_of_this_thread() {
  if (t_mine.generation == g_generation.load(std::memory_order_relaxed)) return t_mine.record;
  const std::lock_guard lock(g_mutex);
  write_to(g_recording, g_generation.load(std::memory_order_relaxed));
  return t_mine.record;
}

}  // namespace

namespace detail {

void begin(Label what, Work work) noexcept {
  try {
    if (ThreadRecord* const record = record_of_this_thread()) record->begin(what, work);
  } catch (const std::bad_alloc&) {  // a span less
  }
}

void end() noexcept {
  try {
    if (t_mine.record != nullptr) t_mine.record->end();
  } catch (const std::bad_alloc&) {
  }
}

void count_step() noexcept {
  try {
    if (ThreadRecord* const record = record_of_this_thread()) record->count_step();
  } catch (const std::bad_alloc&) {
  }
}

void sample(Label what, double value) noexcept {
  try {
    if (ThreadRecord* const record = record_of_this_thread()) record->sample(what, value);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace detail

Label label(std::string_view operation, std::string_view layer, std::string_view type) {
  Labels& labels = all_labels();
  const std::lock_guard lock(labels.mutex);
  return labels.add({std::string(operation), std::string(layer), std::string(type)});
}

std::vector<LabelText> labels() {
  Labels& labels = all_labels();
  const std::lock_guard lock(labels.mutex);
  return labels.texts;
}

Profile::Profile(TraceLimits limits) : recording_(std::make_shared<Recording>(limits)) {
  const std::lock_guard lock(g_mutex);
  if (g_recording) throw Error("profile: expected no other profile at the same time, got one that is being taken");
  write_to(recording_, g_generation.fetch_add(1) + 1);  // the calling thread is the first
  g_recording = recording_;
  detail::g_listening.store(true);
}

Profile::~Profile() { stop(); }

void Profile::stop() noexcept {
  const std::lock_guard lock(g_mutex);
  if (g_recording != recording_) return;
  detail::g_listening.store(false);
  g_recording.reset();
  g_generation.fetch_add(1);
  recording_->stop();
}

double Profile::seconds() const noexcept { return recording_->seconds(); }

std::vector<ThreadProfile> Profile::threads() const { return recording_->threads(); }

}  // namespace chainrule::profile
