// A call from Python that may wait for others, be stopped and have a deadline.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "bindings/process.hpp"
#include "core/gate.hpp"

namespace rmbg::bindings {

class Call {
 public:
  // Joins the queue. `timeout`: seconds until it must be done. `signals`: it is the main thread's, which handles the
  // process's signals (Ctrl-C) while it waits. `head_start`, seconds: see Gate. Throws Error(queue_full).
  Call(std::shared_ptr<Gate> gate, int weight, Gate::Rank rank, bool for_lane, double head_start,
       std::optional<double> timeout, bool signals);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  std::uint64_t number() const { return ticket_->number; }
  Stop& stop() { return ticket_->stop; }

  // Waits until it may work, and makes it this thread's call, whose native work may be stopped. Throws Error: cancelled,
  // late; and what a handler of a signal raises; it has left then.
  void enter();
  void exit();
  void leave();

 private:
  friend void stoppable(const std::function<void()>& work);
  using Clock = Gate::Clock;

  void wait();
  void run(const std::function<void()>& work);
  // What must be done from time to time while it waits: true where it shall wait no longer.
  bool look_around();
  Clock::time_point next_look() const;

  std::shared_ptr<Gate> gate_;
  std::shared_ptr<Gate::Ticket> ticket_;
  std::optional<Clock::time_point> deadline_;
  bool signals_ = false;
  Call* before_ = nullptr;
  const int process_ = process_id();
};

// Calls work() as without_gil does. Where this thread is in a call, its stop is the current one of the thread that works;
// and where the call has a deadline, or is the main thread's, another thread works, and this one looks at the clock and
// at signals. Throws what work does, and what a handler of a signal raises, once the work has ended.
void stoppable(const std::function<void()>& work);

}  // namespace rmbg::bindings
