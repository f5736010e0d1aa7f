// The number of threads for a piece of work: the estimate's own rules, on made-up work and rates.
#include <cmath>

#include "all_tables.h"
#include "check.h"
#include "plan/team_cost.h"

using namespace chainrule;
using namespace chainrule::plan;

namespace {

constexpr double kRate = 200e9;

Work products(double flops, double bytes, std::size_t rows = 1000, double rate = kRate) {
  Work work;
  work.rate = rate;
  work.row_flops = flops / 2;
  work.tile_flops = flops / 2;
  work.shared_bytes = bytes;
  work.rows = rows;
  return work;
}

void test_best_is_best() {
  for (double flops = 1e3; flops < 1e13; flops *= 3) {
    for (const double bytes : {0.0, 1e4, 1e6, 1e8}) {
      for (const std::size_t rows : {1, 3, 64, 100000}) {
        for (const Occasion occasion : {Occasion::run, Occasion::call}) {
          const TeamCost cost(products(flops, bytes, rows), occasion);
          for (const int most : {1, 2, 7, 128}) {
            const int best = cost.best(most);
            CHECK(best >= 1 && best <= most);
            CHECK(best == 1 || cost.seconds(best) < cost.seconds(1));
            CHECK(best == 1 || cost.may_pay());
            for (int threads = 2; best > 1 && threads <= most; ++threads) CHECK(cost.seconds(best) <= cost.seconds(threads));
          }
        }
      }
    }
  }
}

void test_more_work_takes_more_threads() {
  for (const Occasion occasion : {Occasion::run, Occasion::call}) {
    CHECK(TeamCost(products(1e4, 0), occasion).best(64) == 1);
    CHECK(TeamCost(products(1e12, 0), occasion).best(64) == 64);
    int before = 1;
    for (double flops = 1e4; flops < 1e12; flops *= 2) {
      const int best = TeamCost(products(flops, 1e5), occasion).best(64);
      CHECK(best >= before);
      before = best;
    }
  }
  // The same work on a slower instruction set is more time.
  CHECK(TeamCost(products(1e5, 0), Occasion::run).best(2) == 1);
  CHECK(TeamCost(products(1e5, 0, 1000, kRate / 100), Occasion::run).best(2) == 2);
  // Parameters that one thread writes and another reads cost more than a second thread saves.
  CHECK(TeamCost(products(1e6, 0), Occasion::run).best(2) == 2);
  CHECK(TeamCost(products(1e6, 1e6), Occasion::run).best(2) == 1);
}

void test_where_a_second_thread_pays() {
  for (const double rate : {1.5e9, 50e9, 200e9}) {
    for (const double bytes : {0.0, 3e4, 2e6}) {
      for (const Occasion occasion : {Occasion::run, Occasion::call}) {
        const double from = TeamCost(products(1, bytes, 1000, rate), occasion).pays_from();
        CHECK(TeamCost(products(0.99 * from, bytes, 1000, rate), occasion).best(2) == 1);
        CHECK(TeamCost(products(1.01 * from, bytes, 1000, rate), occasion).best(2) == 2);
      }
    }
  }
  CHECK(TeamCost(products(1, 0), Occasion::run).pays_from() < TeamCost(products(1, 0), Occasion::call).pays_from());
}

void test_rows_that_are_too_few() {
  Work work;
  work.rate = kRate;
  work.row_flops = 1e12;
  work.rows = 10 * kFewRows;
  CHECK(TeamCost(work, Occasion::call).best(16) == 10);
  work.rows = 2 * kFewRows - 1;
  CHECK(TeamCost(work, Occasion::call).best(16) == 2);
  work.rows = kFewRows;
  CHECK(TeamCost(work, Occasion::call).best(16) == 1);
  work.rows = 1000;
  work.grain = 256;
  CHECK(TeamCost(work, Occasion::call).best(16) == 4);
  CHECK(TeamCost(work, Occasion::call).seconds(3) > TeamCost(work, Occasion::call).seconds(2));
  work.grain = 1;
  work.rows = 1;
  CHECK(TeamCost(work, Occasion::call).best(16) == 1);
  work.update_flops = 1e12;
  CHECK(TeamCost(work, Occasion::call).best(16) == 16);
}

// A layer of 32 inputs and 64 outputs with its transposed copy.
template <class T>
void test_work() {
  Parameters<T> store;
  store.add("kernel", {32, 64});
  store.add("bias", {64});
  Program<T> program;
  program.tables = &kernels::active_tables();
  program.gradients = {{0, {0, 32}, {0, 64}}, {1, {}, {0, 64}}};
  RowStep<T> step;
  step.flops_per_row = 2 * 32 * 64;
  program.steps = {step};
  Update<T> update;
  const Work plain = work_of(program, 10, store, update);
  CHECK(plain.rows == 10);
  CHECK(plain.row_flops == 10.0 * 2 * 32 * 64);
  CHECK(plain.tile_flops == 10.0 * 2 * (32 * 64 + 64));
  CHECK(plain.shared_bytes == static_cast<double>(sizeof(T)) * (32 * 64 + 64 + 10 * (32 + 64)));
  store.keep_transposed(0);
  const Work copied = work_of(program, 10, store, update);
  CHECK(copied.shared_bytes == plain.shared_bytes + static_cast<double>(sizeof(T)) * 32 * 64);
  update.first.resize(2);
  update.second.resize(2);
  const Work adam = work_of(program, 10, store, update);
  CHECK(std::abs(adam.update_flops / copied.update_flops - (4.0 * 32 * 64 + 3.0 * 64) / (2.0 * 32 * 64 + 64)) < 1e-12);
  CHECK(work_of(program, 1, store, update).shared_bytes < adam.shared_bytes / 3);
  const Work forward = work_of(program, 10);
  CHECK(forward.row_flops == plain.row_flops && forward.tile_flops == 0 && forward.update_flops == 0 && forward.shared_bytes == 0);
}

void test_rates() {
  for (const kernels::Tables* tables : test::all_tables()) {
    CHECK_THAT(tables->lanes<float>() == 2 * tables->lanes<double>(), tables->isa);
    CHECK_THAT(tables->vector_bytes == sizeof(float) * tables->lanes<float>(), tables->isa);
    if (tables->fused) CHECK_THAT(rate_of<float>(*tables) == 2 * rate_of<double>(*tables), tables->isa);
    CHECK_THAT(tables->fused || rate_of<float>(*tables) < 10e9, tables->isa);
  }
  CHECK(kernels::reference_tables().lanes<float>() == 1 && !kernels::reference_tables().fused);
#if defined(__x86_64__)
  CHECK(!kernels::tables_of(Isa::baseline).fused);
#endif
}

void test_choice() {
  const TeamCost large(products(1e13, 0), Occasion::run);
  const TeamCost small(products(1, 0), Occasion::run);
  CHECK(choose_threads(large) == max_threads());
  CHECK(choose_threads(small) == 1);
  set_num_threads(1);
  CHECK(choose_threads(large) == 1);
  set_num_threads(0);
  override_threads(5);
  CHECK(choose_threads(large) == 5 && choose_threads(small) == 5);
  override_threads(0);
}

}  // namespace

int main() {
  test_best_is_best();
  test_more_work_takes_more_threads();
  test_where_a_second_thread_pays();
  test_rows_that_are_too_few();
  test_work<float>();
  test_work<double>();
  test_rates();
  test_choice();
  return test::finish();
}
