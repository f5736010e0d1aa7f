// base: random numbers, buffers, teams, thread limits.
#include <algorithm>
#include <atomic>
#include <bit>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/fp_environment.h"
#include "base/philox.h"
#include "base/shared_bytes.h"
#include "base/small_vector.h"
#include "base/team.h"
#include "base/tensor.h"
#include "base/threads.h"
#include "check.h"

using namespace chainrule;
using test::finish;

namespace {

// The known answers that come with Random123, the generator's authors' own library.
void test_philox() {
  CHECK((philox({0, 0, 0, 0}, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  CHECK((philox({ones, ones, ones, ones}, ~std::uint64_t{0}) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
         PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  CHECK(uniform_double(0, 0) == 0.0);
  CHECK(uniform_double(ones, ones) < 1.0);
}

void test_buffers() {
  const Buffer<float> buffer(17);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % kCacheLine == 0);
  CHECK(std::accumulate(buffer.data(), buffer.data() + 17, 0.0F) == 0.0F);
  CHECK_THROWS(Buffer<double>(static_cast<std::size_t>(-1) / 4), std::bad_alloc);
  CHECK_THROWS(Tensor(DType::float32, {1LL << 32, 1LL << 32}), std::bad_alloc);
  CHECK_THROWS(Tensor(DType::float32, {-1}), std::invalid_argument);
  CHECK_THROWS(Tensor(DType::float32, {2}).data<double>(), TypeError);
}

void test_small_vectors() {
  using Vector = SmallVector<std::int64_t, 4>;
  const Vector few = {1, 2, 3};
  Vector many = few;
  for (std::int64_t i = 4; i <= 9; ++i) many.push_back(i);
  CHECK((few == Vector{1, 2, 3}));
  CHECK((many == Vector{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  Vector copy = many;
  copy.front() = 7;
  CHECK(many.front() == 1 && copy.back() == 9);
  copy = few;  // from the heap to what fits in place
  CHECK(copy == few);
  const Vector& itself = copy;
  copy = itself;
  CHECK(copy == few);
  Vector moved = std::move(many);
  CHECK(moved.size() == 9 && moved[8] == 9);
  many = {5};  // what was moved from can be used again
  CHECK(many.size() == 1 && many[0] == 5);
  moved = std::move(many);
  CHECK((moved == Vector{5}));
  moved.append(few.begin(), few.end());
  moved.append(few.begin() + 1, few.end());
  CHECK((moved == Vector{5, 1, 2, 3, 2, 3}));
  moved.resize(7, -1);
  CHECK(moved.back() == -1 && moved.size() == 7);
  moved.resize(2);
  CHECK((moved == Vector{5, 1}));
  moved.clear();
  CHECK(moved.empty() && moved == Vector());
  CHECK((Vector(3, 8) == Vector{8, 8, 8}));
}

/// Whatever was written to memory that comes back: it is zero.
void test_shared_bytes() {
  for (const std::size_t bytes : {0U, 8U, 48U, 49U, 1008U, 1009U, 5000U}) {
    for (int again = 0; again < 3; ++again) {
      SharedBytes first(bytes);
      CHECK(first.data() != nullptr && reinterpret_cast<std::uintptr_t>(first.data()) % 16 == 0);
      CHECK(std::all_of(first.data(), first.data() + bytes, [](std::byte byte) { return byte == std::byte{0}; }));
      const SharedBytes second = first;
      CHECK(second.data() == first.data());
      std::fill_n(first.data(), bytes, std::byte{7});
      first = SharedBytes();
      CHECK(first.data() == nullptr);
      CHECK(std::all_of(second.data(), second.data() + bytes, [](std::byte byte) { return byte == std::byte{7}; }));
    }
  }
  std::vector<SharedBytes> elsewhere(10000, SharedBytes(8));
  for (SharedBytes& bytes : elsewhere) bytes = SharedBytes(8);
  std::thread([&elsewhere] { elsewhere.clear(); }).join();  // more than a thread keeps, freed in another
  CHECK(elsewhere.empty());
  CHECK_THROWS(SharedBytes(static_cast<std::size_t>(-1) / 2), std::bad_alloc);
}

void test_shares() {
  for (const std::size_t count : {0U, 1U, 5U, 64U}) {
    std::size_t next = 0;
    for (int part = 0; part < 7; ++part) {
      const Range range = share(count, part, 7);
      CHECK(range.begin == next && range.end - range.begin <= count / 7 + 1);
      next = range.end;
    }
    CHECK(next == count);
  }
}

void test_teams() {
  for (const int threads : {1, 2, 3, 8}) {
    Barrier barrier(threads);
    std::atomic<int> arrived{0};
    std::atomic<bool> early{false};
    run_team(threads, [&](int) {
      for (int round = 1; round <= 200; ++round) {
        arrived.fetch_add(1);
        barrier.wait();
        if (arrived.load() != round * threads) early.store(true);
        barrier.wait();
      }
    });
    CHECK(!early.load());
    CHECK(arrived.load() == 200 * threads);
    CHECK_THROWS(run_team(threads,
                          [&](int thread) {
                            if (thread == threads - 1) throw std::out_of_range("from inside");
                          }),
                 std::out_of_range);
  }
}

/// Whoever leaves a barrier is not waited for, at whatever round it leaves.
void test_leaving() {
  for (const int threads : {1, 2, 3, 8}) {
    Barrier barrier(threads);
    std::vector<int> rounds(static_cast<std::size_t>(threads));
    run_team(threads, [&](int thread) {
      for (int round = 0; round < 50 * (thread + 1); ++round) {
        barrier.wait();
        ++rounds[static_cast<std::size_t>(thread)];
      }
      barrier.leave();
    });
    for (int thread = 0; thread < threads; ++thread) CHECK(rounds[static_cast<std::size_t>(thread)] == 50 * (thread + 1));
  }
}

#if defined(__x86_64__)
void test_floating_point_state() {
  const unsigned mine = _mm_getcsr() | 0x8040;  // flush to zero, denormals are zero
  _mm_setcsr(mine);
  volatile float tiny = 1e-38F;
  std::uint32_t inside = 0;  // bits: with denormals as zeros a comparison of floats would lie here
  run_team(2, [&](int thread) {
    if (thread == 0) inside = std::bit_cast<std::uint32_t>(tiny * 0.5F);
  });
  CHECK(inside != 0);
  CHECK((_mm_getcsr() & 0x8040) == 0x8040);
  _mm_setcsr(0x1F80);
}
#endif

class CgroupTree {
 public:
  CgroupTree() : root_(std::filesystem::temp_directory_path() / "chainrule-test-cgroup") {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~CgroupTree() { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& content) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  [[nodiscard]] int limit() const { return cgroup_cpu_limit(root_.string(), (root_ / "membership").string()); }

 private:
  std::filesystem::path root_;
};

void test_cgroups() {
  {
    const CgroupTree v2;
    v2.write("membership", "0::/outer/inner\n");
    CHECK(v2.limit() == 0);
    v2.write("outer/inner/cpu.max", "max 100000\n");
    CHECK(v2.limit() == 0);
    v2.write("outer/cpu.max", "250000 100000\n");
    CHECK(v2.limit() == 3);  // two and a half CPUs
    v2.write("outer/inner/cpu.max", "50000 100000\n");
    CHECK(v2.limit() == 1);  // the least along the path
    v2.write("outer/inner/cpu.max", "nonsense");
    CHECK(v2.limit() == 3);
  }
  const CgroupTree v1;
  v1.write("membership", "5:memory:/job\n4:cpu,cpuacct:/job\n");
  v1.write("cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  v1.write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  CHECK(v1.limit() == 0);
  v1.write("cpu,cpuacct/job/cpu.cfs_quota_us", "400000\n");
  CHECK(v1.limit() == 4);
  CHECK(cgroup_cpu_limit("/nonexistent", "/nonexistent") == 0);
}

void test_limits() {
  ThreadLimits limits{8, 0, 8, 0, 0};
  CHECK(limits.least() == 8);
  limits.cgroup = 4;
  CHECK(limits.least() == 4);
  limits.environment = 3;
  CHECK(limits.least() == 3);
  limits.chosen = 2;
  CHECK(limits.least() == 2);
  limits.openmp = 1;
  CHECK(limits.least() == 1);
  CHECK(ThreadLimits({8, 0, 8, 0, 4, 2}).least() == 2);
  CHECK_THROWS(set_num_threads(-1), std::invalid_argument);
  CHECK(forced_threads() == 0);
  override_threads(5);
  CHECK(forced_threads() == 5);
  override_threads(0);
  CHECK_THROWS(override_threads(-1), std::invalid_argument);
  CHECK(ThreadLimits({8, 2, 4, 2, 0}).explain() ==
        "affinity mask 8, cgroup quota 2 (the least), OpenMP (OMP_NUM_THREADS) 4, CHAINRULE_NUM_THREADS 2 (the least), "
        "set_num_threads not called");
  CHECK(ThreadLimits({1, 0, 4, 0, 3}).explain() ==
        "affinity mask 1 (the least), cgroup quota none, OpenMP (OMP_NUM_THREADS) 4, CHAINRULE_NUM_THREADS not set, "
        "set_num_threads 3");
  CHECK(
      ThreadLimits({8, 0, 8, 0, 0, 2}).explain() ==
      "affinity mask 8, cgroup quota none, OpenMP (OMP_NUM_THREADS) 8, CHAINRULE_NUM_THREADS not set, set_num_threads not called, "
      "this thread's share 2 (the least)");
}

void test_limit_of_a_caller() {
  const int before = max_threads();
  std::thread([] {
    limit_caller(1);
    CHECK(max_threads() == 1 && thread_limits().caller == 1);
    limit_caller(0);
    CHECK(thread_limits().caller == 0);
    limit_caller(1);
  }).join();
  CHECK(max_threads() == before && thread_limits().caller == 0);
  CHECK_THROWS(limit_caller(-1), std::invalid_argument);
  CHECK_THROWS(limit_caller(1025), std::invalid_argument);
}

}  // namespace

int main() {
  test_philox();
  test_buffers();
  test_small_vectors();
  test_shared_bytes();
  test_shares();
  test_teams();
  test_leaving();
#if defined(__x86_64__)
  test_floating_point_state();
#endif
  test_cgroups();
  test_limits();
  test_limit_of_a_caller();
  return finish();
}
