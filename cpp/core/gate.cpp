#include "core/gate.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "core/pool.hpp"

namespace rmbg {

std::shared_ptr<Gate::Ticket> Gate::join(int weight, Rank rank, bool for_lane, Clock::duration head_start) {
  const std::lock_guard lock(guard_);
  const auto came = Clock::now() - head_start;
  auto ticket = std::make_shared<Ticket>(numbers_++, std::clamp(weight, 1, slots_), rank, for_lane, came);
  auto& queue = queue_of(*ticket);
  const auto later = [](Clock::time_point moment, const auto& other) { return moment < other->came_; };
  queue.insert(std::upper_bound(queue.begin(), queue.end(), came, later), ticket);
  admit();
  if (ticket->state_ != Ticket::State::waiting) return ticket;
  if (rank == Rank::interactive && queue_ >= 0 && interactive_.size() > static_cast<std::size_t>(queue_)) {
    std::erase(interactive_, ticket);
    ++counts_.refused;
    throw Error(ErrorKind::queue_full, std::to_string(queue_) + " calls wait already, as many as max_queued_requests");
  }
  counts_.most_waiting = std::max(counts_.most_waiting, interactive_.size() + bulk_.size());
  return ticket;
}

bool Gate::wait(Ticket& ticket, Clock::time_point until) {
  struct Waiter {
    Gate& gate;
    Ticket& ticket;
  } waiter{*this, ticket};
  const auto wake = [](void* object) {
    const auto& [gate, waiting] = *static_cast<Waiter*>(object);
    const std::lock_guard lock(gate.guard_);  // it sleeps, or has not looked yet
    waiting.admitted_.notify_all();
  };
  const Stop::Listener listener(ticket.stop, wake, &waiter);
  std::unique_lock lock(guard_);
  ticket.admitted_.wait_until(lock, until, [&] {
    return ticket.state_ != Ticket::State::waiting || ticket.stop.reason() != Stop::Reason::none;
  });
  ticket.stop.check();
  return ticket.state_ == Ticket::State::inside;
}

void Gate::leave(Ticket& ticket) {
  const std::lock_guard lock(guard_);
  if (ticket.state_ == Ticket::State::inside) {
    taken_ -= ticket.weight_;
    --counts_.running;
    leave_call();
  }
  for (auto* const queue : {&queue_of(ticket), &for_lanes_}) {
    std::erase_if(*queue, [&](const auto& one) { return one.get() == &ticket; });
  }
  ticket.state_ = Ticket::State::gone;
  admit();
}

void Gate::admit() {
  for (;;) {
    auto& queue = interactive_.empty() ? bulk_ : interactive_;
    if (queue.empty() || taken_ + queue.front()->weight_ > slots_) return;
    const std::shared_ptr<Ticket> ticket = std::move(queue.front());
    queue.pop_front();
    taken_ += ticket->weight_;
    ++counts_.running;
    ++counts_.entered;
    enter_call();
    ticket->state_ = Ticket::State::inside;
    if (ticket->for_lane_) {
      for_lanes_.push_back(ticket);
      lane_work_.notify_one();
    } else {
      ticket->admitted_.notify_all();
    }
  }
}

std::optional<std::uint64_t> Gate::next() {
  std::unique_lock lock(guard_);
  lane_work_.wait(lock, [&] { return closed_ || !for_lanes_.empty(); });
  if (for_lanes_.empty()) return std::nullopt;
  const std::uint64_t number = for_lanes_.front()->number;
  for_lanes_.pop_front();
  return number;
}

void Gate::close() {
  const std::lock_guard lock(guard_);
  closed_ = true;
  lane_work_.notify_all();
}

Gate::Counts Gate::counts() const {
  const std::lock_guard lock(guard_);
  Counts counts = counts_;
  counts.waiting = interactive_.size() + bulk_.size();
  return counts;
}

}  // namespace rmbg
