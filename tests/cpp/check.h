// A test harness of a few lines: CHECK counts and reports, finish() prints the totals and gives main's return value.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>

namespace chainrule::test {

struct Totals {
  long passed = 0;
  long failed = 0;
};
inline Totals& totals() {
  static Totals instance;
  return instance;
}

/// Counts one check; the first failures are printed, then only counted.
inline bool check(bool condition, const char* file, int line, const std::string& what) {
  constexpr long kPrinted = 40;
  Totals& t = totals();
  if (condition) {
    ++t.passed;
  } else if (++t.failed <= kPrinted) {
    std::printf("%s:%d: failed: %s\n", file, line, what.c_str());
  }
  return condition;
}

inline int finish() {
  std::printf("%ld passed, %ld failed\n", totals().passed, totals().failed);
  return totals().failed == 0 && totals().passed > 0 ? 0 : 1;
}

}  // namespace chainrule::test

/// CHECK(condition): the condition's own text is the report.
#define CHECK(condition) ::chainrule::test::check((condition), __FILE__, __LINE__, #condition)
/// CHECK_THAT(condition, "x = " << x): a report with values, built only where the check fails.
#define CHECK_THAT(condition, report)                                      \
  [&] {                                                                    \
    if (condition) {                                                       \
      return ::chainrule::test::check(true, __FILE__, __LINE__, "");       \
    }                                                                      \
    std::ostringstream out;                                                \
    out << #condition << "; " << report;                                   \
    return ::chainrule::test::check(false, __FILE__, __LINE__, out.str()); \
  }()
/// CHECK_THROWS(expression, Type): evaluating it throws exactly a Type or something derived from it.
#define CHECK_THROWS(expression, Type)                                                        \
  [&] {                                                                                       \
    try {                                                                                     \
      static_cast<void>(expression);                                                          \
    } catch (const Type&) {                                                                   \
      return ::chainrule::test::check(true, __FILE__, __LINE__, "");                          \
    } catch (...) {                                                                           \
    }                                                                                         \
    return ::chainrule::test::check(false, __FILE__, __LINE__, #expression " throws " #Type); \
  }()
