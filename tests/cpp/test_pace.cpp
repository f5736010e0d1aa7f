// The size of training teams over time, on made-up machines: a clock that the test moves.
#include <algorithm>
#include <functional>

#include "check.h"
#include "train/pace.h"

namespace {

using chainrule::train::Pace;

/// Runs for `seconds` on a machine where a step of `threads` takes step(threads, now); the steps done.
double run(Pace& pace, double seconds, const std::function<double(int, double)>& step, double start = 0) {
  double now = start;
  double done = 0;
  while (now < start + seconds) {
    const double one = step(pace.threads(), now);
    const double steps = std::max(1.0, std::min(pace.stretch(), seconds) / one);
    now += steps * one;
    done += steps;
    pace.report(steps * one, steps);
  }
  return done;
}

double ideal(int threads, double /*now*/) { return 100e-6 / threads; }

void test_one_thread_has_no_choice() {
  Pace pace(1);
  CHECK(pace.threads() == 1);
  CHECK(pace.stretch() > 1e9);
  pace.report(1, 1);
  CHECK(pace.threads() == 1);
}

void test_a_machine_of_its_own() {
  for (const int planned : {2, 3, 8}) {
    Pace pace(planned);
    const double steps = run(pace, 30, ideal);
    CHECK_THAT(steps > 0.99 * 30 / ideal(planned, 0), planned << " threads: " << steps << " steps");
    // Long steps are probed so seldom that a probe's one slow step does not show either.
    Pace slow(planned);
    const double long_steps = run(slow, 300, [](int threads, double) { return 0.2 / threads; });
    CHECK_THAT(long_steps > 0.98 * 300 / (0.2 / planned), planned << " threads: " << long_steps << " long steps");
  }
}

void test_other_work_comes_and_goes() {
  // From second 10 to 20 a team of more than one waits for its descheduled members.
  const auto step = [](int threads, double now) { return now > 10 && now < 20 && threads > 1 ? 400e-6 : ideal(threads, now); };
  Pace pace(2);
  run(pace, 9, step);
  CHECK(pace.threads() == 2);
  const double busy = run(pace, 9.9, step, 10.001);
  CHECK_THAT(busy > 0.95 * 9.9 / ideal(1, 0), busy << " steps beside other work");
  const double quiet = run(pace, 10, step, 20.001);
  CHECK_THAT(quiet > 0.85 * 10 / ideal(2, 0), quiet << " steps after it");
  CHECK(pace.explain().find("with 1") != std::string::npos);
}

void test_short_runs_are_judged_together() {
  // One step to a report, each a tenth of a millisecond; every 50th takes 30 times as long. Single steps would mislead.
  Pace pace(2);
  int fewer = 0;
  for (int i = 0; i < 100000; ++i) {
    fewer += pace.threads() == 1;
    pace.report((i % 50 == 7 ? 30 : 1) * 100e-6 / pace.threads(), 1);
  }
  CHECK_THAT(fewer < 1000, fewer << " of 100000 steps on one thread");
}

void test_a_plan_that_asks_for_too_many() {
  Pace pace(8);
  const auto step = [](int threads, double) { return 100e-6 / threads + 10e-6 * threads; };  // of 1, 2, 4, 8 threads best with 4
  const double steps = run(pace, 20, step);
  CHECK(pace.threads() == 4);
  CHECK_THAT(steps > 0.97 * 20 / step(4, 0), steps << " steps");
}

}  // namespace

int main() {
  test_one_thread_has_no_choice();
  test_a_machine_of_its_own();
  test_other_work_comes_and_goes();
  test_short_runs_are_judged_together();
  test_a_plan_that_asks_for_too_many();
  return chainrule::test::finish();
}
