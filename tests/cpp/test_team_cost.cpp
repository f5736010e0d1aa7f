// The number of threads for a piece of work: the estimate's own rules, on made-up work and rates.
#include <algorithm>
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
  using Kind = GradientTask::Kind;
  program.gradients = {{0, Kind::product, {0, 32}, {0, 64}}, {1, Kind::sum, {}, {0, 64}}};
  RowStep<T> step;
  step.flops_per_row = 2 * 32 * 64;
  program.steps = {step};
  Update<T> update;
  const Work plain = work_of(program, 10, store, update);
  CHECK(plain.rows == 10);
  CHECK(plain.row_flops == 10.0 * 2 * 32 * 64);
  CHECK(plain.tile_flops == 10.0 * 2 * (32 * 64 + 64));
  const double values = plain.tasks[0].value_bytes;
  CHECK(plain.shared_bytes == static_cast<double>(sizeof(T)) * (32 * 64 + 64) + values);
  CHECK(values > 0 && values <= static_cast<double>(sizeof(T)) * 10 * (32 + 64));
  CHECK(plain.tasks[0].flops + plain.tasks[1].flops == plain.tile_flops + plain.update_flops);
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

// A net of 64 rows, 16 inputs and two layers of 64 panels.
Work two_layers(double weight_bytes, double value_bytes) {
  Work work = products(4e7, 3 * weight_bytes + 4 * value_bytes, 64);
  const Work::Step first{5e6, 64, false, value_bytes / 4, weight_bytes, true, false};
  const Work::Step activation{0, 64, true, value_bytes, 0, false, false};
  const Work::Step second{5e6, 64, false, value_bytes, weight_bytes, true, false};
  const Work::Step loss{0, 0, false, value_bytes, 0, false, false};
  const Work::Step back{1e7, 64, false, value_bytes, weight_bytes, false, false};
  work.steps = {first, activation, second, loss, back};
  work.tasks = {{1e7, 64, 128, value_bytes}, {1e7, 64, 128, value_bytes}};
  return work;
}

void test_schedules() {
  // Large weights stay where they are by columns, large values by rows.
  const TeamCost weights(two_layers(1e6, 1e3), Occasion::run);
  CHECK(weights.schedule(2) == Schedule::columns && weights.schedule(1) == Schedule::rows);
  CHECK(weights.time(2, Schedule::columns).bytes < 0.5 * weights.time(2, Schedule::rows).bytes);
  CHECK(weights.time(2, Schedule::columns).waiting > weights.time(2, Schedule::rows).waiting);
  CHECK(weights.seconds(2) == weights.time(2, Schedule::columns).seconds());
  Work values = two_layers(1e3, 1e6);
  values.shared_bytes = 1e6;
  CHECK(TeamCost(values, Occasion::run).schedule(2) == Schedule::rows);
  // 64 panels are 2 each for 32 threads, and too few for more.
  CHECK(weights.schedule(32) == Schedule::columns && weights.schedule(33) == Schedule::rows);
  // 5 panels for 2 threads are 3 for one of them.
  Work uneven = two_layers(1e3, 1e3);
  uneven.shared_bytes = 0;
  for (Work::Step& step : uneven.steps) step.panels = step.panels == 0 ? 0 : 5;
  const TeamCost cost(uneven, Occasion::run);
  CHECK(cost.time(2, Schedule::columns).working > cost.time(2, Schedule::rows).working);
  CHECK(cost.schedule(2) == Schedule::rows);
  for (const Schedule forced : {Schedule::rows, Schedule::columns}) {
    override_schedule(forced);
    CHECK(weights.schedule(2) == forced && weights.schedule(1) == forced);
    CHECK(TeamCost(products(1e9, 0), Occasion::run).schedule(2) == Schedule::rows);  // nothing to go by columns
  }
  override_schedule(std::nullopt);
}

void test_walk() {
  ColumnWalk walk(2);
  const auto next = [&](std::size_t panels, bool rewrites) {
    const auto [by_panels, waits] = walk.next(panels, rewrites);
    return std::pair(by_panels, waits);
  };
  CHECK(next(3, false) == std::pair(false, false));  // a thread's own rows, which it has gathered
  CHECK(next(4, true) == std::pair(true, true));
  CHECK(next(4, true) == std::pair(true, false));
  CHECK(next(4, false) == std::pair(true, true));
  CHECK(next(0, true) == std::pair(false, true));
  CHECK(next(0, false) == std::pair(false, false));
}

std::vector<ParameterTile> tiles_of(const std::vector<std::pair<std::size_t, std::size_t>>& shapes) {
  std::vector<ParameterTile> tiles;
  for (std::size_t task = 0; task < shapes.size(); ++task) {
    for (std::size_t panel = 0; panel < shapes[task].second; panel += kTilePanels) {
      for (std::size_t row = 0; row < shapes[task].first; row += kTileRows) {
        tiles.push_back({task, {row, std::min(row + kTileRows, shapes[task].first)}, {panel, panel + kTilePanels}});
      }
    }
  }
  return tiles;
}

void test_shares() {
  const std::vector<std::pair<std::size_t, std::size_t>> shapes = {{256, 32}, {512, 16}, {10, 2}, {10, 2}};
  std::vector<ParameterTile> tiles = tiles_of(shapes);
  const std::size_t count = tiles.size();
  for (const Schedule schedule : {Schedule::rows, Schedule::columns, Schedule::rows}) {
    for (const int parts : {1, 2, 3, 7}) {
      const std::vector<Range> shares = share_tiles(tiles, 64, parts, schedule);
      CHECK(shares.size() == static_cast<std::size_t>(parts) && tiles.size() == count);
      std::size_t next = 0;
      for (const Range& share : shares) {
        CHECK(share.begin == next && share.end > next);
        next = share.end;
        if (schedule == Schedule::rows) continue;
        for (std::size_t task = 0; task < 2; ++task) {  // each thread has its part of each large parameter
          const auto mine = std::count_if(tiles.begin() + static_cast<std::ptrdiff_t>(share.begin),
                                          tiles.begin() + static_cast<std::ptrdiff_t>(share.end),
                                          [&](const ParameterTile& tile) { return tile.task == task; });
          CHECK(std::abs(static_cast<double>(mine) - 64.0 / parts) < 1);
        }
      }
      CHECK(next == count);
    }
  }
  // Every tile once, in the order they came in.
  const std::vector<ParameterTile> before = tiles_of(shapes);
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(tiles[i].task == before[i].task && tiles[i].rows.begin == before[i].rows.begin &&
          tiles[i].panels.begin == before[i].panels.begin);
  }
  // The two small ones go to two threads.
  const std::vector<Range> shares = share_tiles(tiles, 64, 2, Schedule::columns);
  CHECK(tiles[shares[0].end - 1].task >= 2 && tiles[shares[1].end - 1].task >= 2);
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
  test_schedules();
  test_walk();
  test_shares();
  test_rates();
  test_choice();
  return test::finish();
}
