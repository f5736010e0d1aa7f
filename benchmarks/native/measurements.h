// The six things that the program measures, a file each.
#pragma once

#include "options.h"
#include "report.h"

namespace chainrule::bench {

/// Only the peak of multiply-adds, for each number of threads.
void measure_peak(const Options& options, Report& report);
/// What a barrier and a parallel region cost, and how fast threads read what others have just written, by size: on a virtual
/// machine it changes while the host moves its CPUs.
void measure_team(const Options& options, Report& report);
/// Peak of multiply-adds and bandwidth for each number of threads, bandwidth by the size of the working set, and the team.
void measure_machine(const Options& options, Report& report);
/// What an optimizer's update of a parameter costs, by the size of parameters and state, for each number of threads.
void measure_update(const Options& options, Report& report);
/// Every kernel of kernels.inc alone, on one thread.
void measure_kernels(const Options& options, Report& report);
/// `predict` of the network 8-64-64-2, without Python.
void measure_predict(const Options& options, Report& report);

}  // namespace chainrule::bench
