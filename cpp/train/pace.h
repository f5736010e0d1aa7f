// How many threads a training run uses from one stretch of steps to the next. The plan's number is right for a machine of its own;
// beside other work, threads that wait for each other can be slower than one alone (a team stands still whenever one of its members
// has lost its CPU). So the run times its steps, tries a smaller or a larger team now and then, and keeps the faster. The bits do
// not depend on it.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace chainrule::train {

class Pace {
 public:
  Pace() = default;
  /// Teams of `planned` threads, or of half as many, a quarter, ... 1.
  explicit Pace(int planned);

  [[nodiscard]] int planned() const noexcept { return teams_.front().threads; }
  /// The threads of the next stretch.
  [[nodiscard]] int threads() const noexcept { return teams_[probing_ ? probe_ : current_].threads; }
  /// Those that are kept unless a probe finds better.
  [[nodiscard]] int kept() const noexcept { return teams_[current_].threads; }
  /// The seconds after which `report` is due; infinity where there is nothing to choose.
  [[nodiscard]] double stretch() const noexcept;
  /// What the team did since the last report: `steps` steps in `seconds`, as long as a stretch or shorter.
  void report(double seconds, double steps) noexcept;
  /// In words, with the times measured.
  [[nodiscard]] std::string explain() const;

 private:
  struct Team {
    int threads = 1;
    double step = 0;  // seconds of a step when last measured; 0: never
  };

  void begin_probe() noexcept;
  void end_probe(double step) noexcept;

  std::vector<Team> teams_ = {Team{}};  // largest first
  std::size_t current_ = 0;
  std::size_t probe_ = 0;
  bool probing_ = false;
  double seconds_ = 0;  // reported and not yet judged
  double steps_ = 0;
  double expected_ = 0;  // seconds of a step of the current team when it was chosen
  double since_ = 0;     // seconds since the last probe
  double patience_ = 0;  // seconds until the next
};

}  // namespace chainrule::train
