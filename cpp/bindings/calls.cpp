#include "bindings/calls.hpp"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "bindings/gil.hpp"
#include "core/signals.hpp"

namespace py = pybind11;

namespace rmbg::bindings {
namespace {

thread_local Call* current_call = nullptr;

constexpr auto kBetweenLooks = std::chrono::milliseconds(50);  // Ctrl-C shall end a run within 200

Gate::Clock::duration duration_of(double seconds) {
  constexpr double kLongest = 1e9;  // a time_point holds no more than some 290 years
  return std::chrono::duration_cast<Gate::Clock::duration>(
      std::chrono::duration<double>(std::clamp(seconds, 0.0, kLongest)));
}

// Work on a thread of its own, which has ended when this is destroyed.
class Aside {
 public:
  Aside(const std::function<void()>& work, Stop& stop)
      : thread_([this, &work, &stop] {
          leave_signals_to_the_program();
          const Stop::Scope scope(&stop);
          try {
            work();
          } catch (...) {
            failure_ = std::current_exception();
          }
          const std::lock_guard lock(guard_);
          ended_ = true;
          end_.notify_all();
        }) {}
  ~Aside() {
    if (thread_.joinable()) thread_.join();
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

  bool ended(Gate::Clock::time_point until) {
    std::unique_lock lock(guard_);
    return end_.wait_until(lock, until, [&] { return ended_; });
  }
  std::exception_ptr failure() const { return failure_; }

 private:
  std::mutex guard_;
  std::condition_variable end_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace

Call::Call(std::shared_ptr<Gate> gate, int weight, Gate::Rank rank, bool for_lane, double head_start,
           std::optional<double> timeout, bool signals)
    : gate_(std::move(gate)), signals_(signals) {
  if (timeout) deadline_ = Clock::now() + duration_of(*timeout);
  ticket_ = gate_->join(weight, rank, for_lane, duration_of(head_start));
}

Call::~Call() {
  if (process_ == process_id()) {
    leave();
    return;
  }
  new std::shared_ptr<Gate>(std::move(gate_));  // the parent's: see EndInItsProcess
  new std::shared_ptr<Gate::Ticket>(std::move(ticket_));
}

void Call::leave() {
  if (process_ == process_id()) gate_->leave(*ticket_);
}

Call::Clock::time_point Call::next_look() const {
  const auto look = Clock::now() + (signals_ ? Clock::duration(kBetweenLooks) : std::chrono::hours(1));
  return deadline_ ? std::min(look, *deadline_) : look;
}

bool Call::look_around() {
  if (deadline_ && Clock::now() >= *deadline_) {
    stop().ask(Stop::Reason::late);
    deadline_.reset();  // told once
  }
  return signals_ && PyErr_CheckSignals() != 0;
}

void Call::wait() {
  if (gate_->wait(*ticket_, Clock::now())) return;
  for (bool inside = false; !inside;) {
    without_gil([&] { inside = gate_->wait(*ticket_, next_look()); });
    if (!inside && look_around()) throw py::error_already_set();
  }
}

void Call::enter() {
  try {
    wait();
  } catch (...) {
    leave();
    throw;
  }
  before_ = current_call;
  current_call = this;
}

void Call::exit() { current_call = before_; }

void Call::run(const std::function<void()>& work) {
  stop().check();
  const auto here = [&] {
    without_gil([&] {
      const Stop::Scope scope(&stop());
      work();
    });
  };
  if (!signals_ && !deadline_) return here();
  std::optional<Aside> aside;
  try {
    aside.emplace(work, stop());
  } catch (const std::system_error&) {  // no thread is left: it cannot be stopped from here
    return here();
  }
  bool interrupted = false;
  for (bool ended = false; !ended;) {
    without_gil([&] { ended = aside->ended(next_look()); });
    if (ended || interrupted || !look_around()) continue;
    interrupted = true;
    signals_ = false;  // the handler's error is set: no other may be called before it is raised
    stop().ask(Stop::Reason::cancelled);
  }
  const std::exception_ptr failure = aside->failure();
  without_gil([&] { aside.reset(); });
  if (interrupted) throw py::error_already_set();
  if (failure) std::rethrow_exception(failure);
}

void stoppable(const std::function<void()>& work) {
  if (current_call != nullptr) return current_call->run(work);
  without_gil(work);
}

}  // namespace rmbg::bindings
