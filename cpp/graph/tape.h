// What variables record: a graph that evaluates at once, which knows the nodes that somebody still holds and forgets the others.
#pragma once

#include "graph/graph.h"

namespace chainrule::graph {

class Tape {
 public:
  explicit Tape(DType dtype) : graph_(dtype, Evaluate::at_once) { ends_.next = ends_.previous = &ends_; }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  [[nodiscard]] Graph& graph() noexcept { return graph_; }

  struct Link {
    Link* previous = nullptr;
    Link* next = nullptr;
  };
  /// Somebody's hold on a node. Its number changes when the tape forgets others.
  class Handle : private Link {
   public:
    Handle(Tape& tape, NodeId id) noexcept : tape_(&tape), id_(id) {
      next = &tape.ends_;
      previous = tape.ends_.previous;
      previous->next = next->previous = this;
    }
    ~Handle() {
      previous->next = next;
      next->previous = previous;
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    [[nodiscard]] Tape& tape() const noexcept { return *tape_; }
    [[nodiscard]] NodeId id() const noexcept { return id_; }
    [[nodiscard]] const Node& node() const { return tape_->graph_.node(id_); }

   private:
    friend class Tape;
    Tape* tape_;
    NodeId id_;
  };

  /// Forgets what no handle depends on, where enough has been recorded since the last time to be worth the look, and nobody keeps
  /// a node's number.
  void tidy();

  /// While one exists, numbers of nodes stay what they are: between taking a number and using it, a caller may run code that
  /// tidies.
  class Numbers {
   public:
    explicit Numbers(Tape& tape) noexcept : tape_(tape) { ++tape_.kept_; }
    ~Numbers() { --tape_.kept_; }
    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;

   private:
    Tape& tape_;
  };

 private:
  Graph graph_;
  Link ends_;
  NodeId look_at_ = 0;  // the size from which to look
  int kept_ = 0;        // how many keep numbers
};

}  // namespace chainrule::graph
