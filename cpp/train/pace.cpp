#include "train/pace.h"

#include <algorithm>
#include <sstream>

#include "base/digits.h"

namespace chainrule::train {
namespace {

// A stretch is long against the start of a team (a microsecond) and short against the time in which other work comes and goes.
constexpr double kStretch = 20e-3;
constexpr double kProbe = 2e-3;
// Runs shorter than this part of a stretch are judged together with the next: a few steps alone are mostly the team's start.
// Reasoned, not tuned.
constexpr double kEnough = 0.5;
// Probes come seldom enough to cost about 1 %: the first after 20 ms, then ever later, up to a second; and never sooner than after
// 100 times what one takes, since a probe is one step at least.
constexpr double kFirstPatience = 20e-3;
constexpr double kMostPatience = 1.0;
constexpr double kProbeShare = 100;
// Steps that take this much longer than when the team was chosen call for a probe at once.
constexpr double kAlarm = 1.3;
// A team must be this much faster to be preferred: two that differ by less are the same but for noise.
constexpr double kBetter = 0.97;

}  // namespace

Pace::Pace(int planned) : patience_(kFirstPatience) {
  teams_.clear();
  for (int threads = std::max(planned, 1); threads >= 1; threads /= 2) teams_.push_back({threads, 0});
}

double Pace::stretch() const noexcept {
  if (teams_.size() == 1) return std::numeric_limits<double>::infinity();
  return probing_ ? kProbe : kStretch;
}

void Pace::report(double seconds, double steps) noexcept {
  if (teams_.size() == 1) return;
  // A run that callbacks or batches cut short is too little to judge by: it adds to the next.
  seconds_ += seconds;
  steps_ += steps;
  if (steps_ <= 0 || seconds_ < kEnough * stretch()) return;
  const double step = seconds_ / steps_;
  const double passed = seconds_;
  seconds_ = steps_ = 0;
  if (probing_) return end_probe(step);
  since_ += passed;
  teams_[current_].step = step;
  if (expected_ == 0) expected_ = step;
  const double least = kProbeShare * std::max(kProbe, step);
  const bool alarm = step > kAlarm * expected_ && since_ > least / 10;
  if (alarm || since_ >= std::max(patience_, step > kProbe ? least : 0.0)) begin_probe();
}

// A smaller team and a larger one in turn, where there are both.
void Pace::begin_probe() noexcept {
  const bool smaller = current_ + 1 < teams_.size() && (current_ == 0 || probe_ <= current_);
  probe_ = smaller ? current_ + 1 : current_ - 1;
  probing_ = true;
}

void Pace::end_probe(double step) noexcept {
  teams_[probe_].step = step;
  const bool better = step < kBetter * teams_[current_].step;
  if (better) std::swap(current_, probe_);
  patience_ = better ? kFirstPatience : std::min(2 * patience_, kMostPatience);
  expected_ = teams_[current_].step;
  since_ = 0;
  probing_ = false;
}

std::string Pace::explain() const {
  std::ostringstream out;
  out << teams_[current_].threads;
  if (teams_.size() == 1) return out.str();
  out << " at present (";
  bool any = false;
  for (const Team& team : teams_) {
    if (team.step == 0) continue;
    out << (any ? ", " : "") << "with " << team.threads << ": " << digits(team.step * 1e6) << " us a step";
    any = true;
  }
  out << (any ? ")" : "nothing measured yet)");
  return out.str();
}

}  // namespace chainrule::train
