// The four things that the program measures, a file each.
#pragma once

#include "options.h"
#include "report.h"

namespace chainrule::bench {

/// Only the peak of multiply-adds, for each number of threads.
void measure_peak(const Options& options, Report& report);
/// Peak of multiply-adds and bandwidth for each number of threads, bandwidth by the size of the working set, and what a barrier
/// and a parallel region cost.
void measure_machine(const Options& options, Report& report);
/// Every kernel of kernels.inc alone, on one thread.
void measure_kernels(const Options& options, Report& report);
/// `predict` of the network 8-64-64-2, without Python.
void measure_predict(const Options& options, Report& report);

}  // namespace chainrule::bench
