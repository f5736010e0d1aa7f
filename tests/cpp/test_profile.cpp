// Profiles: what spans add up to, what a trace keeps, threads.
#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/team.h"
#include "check.h"
#include "profile/profile.h"

using namespace chainrule;
using namespace chainrule::profile;

namespace {

const Total* total_of(const ThreadProfile& thread, Label what) {
  for (const Total& total : thread.totals) {
    if (total.what == what) return &total;
  }
  return nullptr;
}

void spin(double seconds) {
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() < seconds) {
  }
}

void test_labels() {
  const Label one = label("forward", "dense_0");
  CHECK(label("forward", "dense_0") == one);
  CHECK(label("forward", "dense_1") != one && label("loss", "dense_0") != one);
  CHECK(labels()[one].operation == "forward" && labels()[one].layer == "dense_0");
}

/// Time is that of a span without the spans within it, so that all totals add up to the time of the outermost.
void test_totals() {
  const Label outer = label("outer"), inner = label("inner");
  {
    const Span before(outer);  // nobody listens
    CHECK(!listening());
  }
  Profile profile({});
  CHECK(listening());
  CHECK_THROWS(Profile({}), Error);
  {
    const Span span(outer);
    for (int i = 0; i < 10; ++i) {
      const Span within(inner, [] { return Work{100, 8}; });
      spin(1e-3);
    }
    spin(5e-3);
  }
  profile.stop();
  CHECK(!listening());
  { const Span after(outer); }
  const std::vector<ThreadProfile> threads = profile.threads();
  CHECK(threads.size() == 1 && threads[0].name == "thread 0");
  const Total* const o = total_of(threads[0], outer);
  const Total* const i = total_of(threads[0], inner);
  CHECK(o != nullptr && i != nullptr && o->calls == 1 && i->calls == 10);
  CHECK(i->work.flops == 1000 && i->work.bytes == 80 && o->work.flops == 0);
  CHECK(i->seconds >= 0.0099 && o->seconds >= 0.0049);
  CHECK(std::abs(o->with_inner - (o->seconds + i->seconds)) < 1e-6);
  CHECK(o->with_inner <= profile.seconds());
}

/// Of many steps the first and the last are kept; spans lie within each other or apart.
void test_traces() {
  const Label step = label("step"), work = label("work"), loss = label("loss value");
  Profile profile({.first_steps = 2, .last_steps = 3, .events_of_step = 4});
  for (int i = 0; i < 100; ++i) {
    count_step();
    const Span span(step);
    { const Span within(work); }
    sample(loss, i);
  }
  count_step();
  for (int i = 0; i < 50; ++i) {
    const Span many(work);
  }
  profile.stop();
  const ThreadProfile thread = profile.threads().front();
  CHECK(thread.steps == 101 && thread.dropped > 0);
  std::vector<double> samples;
  for (const Event& event : thread.events) {
    CHECK(event.begin <= event.end && event.end <= profile.seconds() + 1e-3);
    if (event.is_sample) samples.push_back(event.value);
  }
  CHECK(samples == (std::vector<double>{0, 1, 98, 99}));
  CHECK(thread.events.size() == 2 * 3 + 2 * 3 + 4);
  for (const Event& a : thread.events) {
    for (const Event& b : thread.events) {
      const bool apart = a.end <= b.begin || b.end <= a.begin;
      const bool within = (a.begin <= b.begin && b.end <= a.end) || (b.begin <= a.begin && a.end <= b.end);
      CHECK(apart || within);
    }
  }
}

/// Traces of only the first steps, of only the last, and of none; totals know all steps.
void test_trace_limits() {
  const Label step = label("step");
  const auto kept = [&](TraceLimits limits) {
    Profile profile(limits);
    for (int i = 0; i < 10; ++i) {
      count_step();
      const Span span(step);
    }
    profile.stop();
    const ThreadProfile thread = profile.threads().front();
    CHECK(thread.steps == 10 && total_of(thread, step)->calls == 10);
    CHECK(thread.events.size() + thread.dropped == 10);
    return thread.events.size();
  };
  CHECK(kept({.first_steps = 3, .last_steps = 0}) == 3);
  CHECK(kept({.first_steps = 0, .last_steps = 4}) == 4);
  CHECK(kept({.first_steps = 0, .last_steps = 0}) == 0);
  CHECK(kept({.first_steps = 30, .last_steps = 4}) == 10);
}

void test_threads() {
  const Label work = label("work");
  Profile profile({});
  for (int round = 0; round < 3; ++round) {
    run_team(2, [&](int) {
      for (int i = 0; i < 100; ++i) {
        const Span span(work);
      }
    });
  }
  std::uint64_t calls = 0;
  for (const ThreadProfile& thread : profile.threads()) calls += total_of(thread, work)->calls;
  CHECK(calls == 600);
  profile.stop();
  // A span that outlives its profile, on a thread that has taken part, disturbs no later one.
  Profile next({});
  {
    const Span span(work);
    next.stop();
  }
  const Profile last({});
  CHECK(last.threads().size() == 1 && last.threads()[0].totals.empty());
}

/// Threads one after another share a record; those that are there at once have their own.
void test_threads_that_end() {
  const Label work = label("work");
  const Profile profile({});
  for (int i = 0; i < 100; ++i) {
    std::thread([&] { const Span span(work); }).join();
  }
  CHECK(profile.threads().size() == 2 && total_of(profile.threads()[1], work)->calls == 100);
  std::thread first([&] {
    const Span span(work);
    std::thread([&] { const Span within(work); }).join();
  });
  first.join();
  CHECK(profile.threads().size() == 3);
}

}  // namespace

int main() {
  test_labels();
  test_totals();
  test_traces();
  test_trace_limits();
  test_threads();
  test_threads_that_end();
  return test::finish();
}
