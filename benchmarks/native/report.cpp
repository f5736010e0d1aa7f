#include "report.h"

#include <cstdio>

namespace chainrule::bench {

Report::Report(const char* isa) { std::printf("{\"isa\": \"%s\", \"results\": [", isa); }

Report::~Report() { std::printf("\n]}\n"); }

void Report::add(std::initializer_list<std::pair<const char*, Value>> what, const Spread& seconds, double work) {
  std::printf("%s\n{", first_ ? "" : ",");
  first_ = false;
  for (const auto& [name, value] : what) std::printf("\"%s\": %s, ", name, value.json.c_str());
  std::printf("\"seconds\": %.6g, \"least\": %.6g, \"most\": %.6g, \"work\": %.17g}", seconds.median, seconds.least, seconds.most,
              work);
}

}  // namespace chainrule::bench
