#include "graph/tape.h"

#include <algorithm>

namespace chainrule::graph {
namespace {

// From so many nodes, and twice as many as the last look kept, a look is little beside having recorded them; so many bytes are
// worth one sooner. Estimates, not tuned.
constexpr NodeId kFewNodes = 2000;
constexpr std::size_t kManyBytes = std::size_t{64} << 20U;

}  // namespace

void Tape::tidy() {
  if (kept_ != 0) return;
  if (graph_.size() < std::max(look_at_, kFewNodes) && graph_.new_bytes() < kManyBytes) return;
  std::vector<NodeId*> roots;
  for (Link* link = ends_.next; link != &ends_; link = link->next) roots.push_back(&static_cast<Handle*>(link)->id_);
  graph_.forget_but(roots);
  look_at_ = 2 * graph_.size() + kFewNodes;
}

}  // namespace chainrule::graph
