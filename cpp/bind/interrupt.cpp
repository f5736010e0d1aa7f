#include "bind/interrupt.h"

#include <csignal>

namespace chainrule::bind {
namespace {

std::atomic<std::uint32_t> g_interrupts{0};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);  // a signal handler may touch nothing else

// Both are changed with the GIL held only.
int g_guards = 0;
struct sigaction g_previous = {};
bool g_installed = false;

void count_interrupt(int number, siginfo_t* info, void* context) {
  g_interrupts.fetch_add(1, std::memory_order_relaxed);
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(number, info, context);
  } else {
    g_previous.sa_handler(number);
  }
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == count_interrupt;
}

void install() {
  struct sigaction current = {};
  sigaction(SIGINT, nullptr, &current);
  if (is_ours(current)) return;
  const bool plain = (current.sa_flags & SA_SIGINFO) == 0;
  if (plain && (current.sa_handler == SIG_DFL || current.sa_handler == SIG_IGN)) return;
  g_previous = current;
  struct sigaction counting = current;
  counting.sa_flags |= SA_SIGINFO;
  counting.sa_sigaction = count_interrupt;
  g_installed = sigaction(SIGINT, &counting, nullptr) == 0;
}

// A handler that somebody set meanwhile stays.
void uninstall() {
  struct sigaction current = {};
  sigaction(SIGINT, nullptr, &current);
  if (is_ours(current)) sigaction(SIGINT, &g_previous, nullptr);
  g_installed = false;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (g_guards++ == 0) install();
  forget();
}

void InterruptGuard::renew() { install(); }

void InterruptGuard::forget() noexcept { signal_ = {&g_interrupts, g_interrupts.load(std::memory_order_relaxed)}; }

InterruptGuard::~InterruptGuard() {
  if (--g_guards == 0 && g_installed) uninstall();
}

}  // namespace chainrule::bind
