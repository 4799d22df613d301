// Who may work, and in what order: so many calls at a time, the others wait in a queue. Safe to use from many threads.
//
// The order is that in which calls came, each set back by its head start: what it takes longer than others once it is
// inside. So calls end about in the order in which they came, and nobody is overtaken by one that came later than the
// longest head start after him. The sum of all times does not change by it (Little's law); the longest become shorter.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "core/stop.hpp"

namespace rmbg {

class Gate {
 public:
  using Clock = std::chrono::steady_clock;
  // Bulk work enters when no interactive call waits; it is never refused, and does not count as waiting.
  enum class Rank { interactive, bulk };

  // A call's place: in the queue, then inside, then given back. Its `stop` ends the waiting too.
  class Ticket {
   public:
    Ticket(std::uint64_t place, int weight, Rank rank, bool for_lane, Clock::time_point came)
        : number(place), weight_(weight), rank_(rank), for_lane_(for_lane), came_(came) {}
    const std::uint64_t number;  // of this gate's
    Stop stop;

   private:
    friend class Gate;
    enum class State { waiting, inside, gone };
    const int weight_;
    const Rank rank_;
    const bool for_lane_;
    const Clock::time_point came_;  // less its head start
    State state_ = State::waiting;
    std::condition_variable admitted_;
  };

  struct Counts {
    int running = 0;
    std::size_t waiting = 0;  // bulk work included
    std::size_t most_waiting = 0;
    std::uint64_t entered = 0;
    std::uint64_t refused = 0;
  };

  // `slots` at least 1; `queue`: how many may wait, negative: any number.
  Gate(int slots, std::int64_t queue) : slots_(slots), queue_(queue) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // A place behind all that came before it, by its head start, or inside where there is room and nobody waits. It takes
  // `weight` slots, at most all. `for_lane`: nobody waits for it; it is given to next() when it is admitted. Throws
  // Error(queue_full).
  std::shared_ptr<Ticket> join(int weight, Rank rank, bool for_lane, Clock::duration head_start = {});

  // Whether it is inside, which is waited for until then. Throws as Stop::check.
  bool wait(Ticket& ticket, Clock::time_point until);

  // Gives its place back, wherever that is. Doing it twice does no harm.
  void leave(Ticket& ticket);

  // Waits for the next ticket of a lane that is admitted, and gives its number; none once the gate is closed.
  std::optional<std::uint64_t> next();
  // Sends the lanes home. Calls that wait or are inside go on.
  void close();

  int slots() const { return slots_; }
  Counts counts() const;

 private:
  void admit();  // as many as there is room for; the guard is held
  std::deque<std::shared_ptr<Ticket>>& queue_of(const Ticket& ticket) {
    return ticket.rank_ == Rank::interactive ? interactive_ : bulk_;
  }

  const int slots_;
  const std::int64_t queue_;
  mutable std::mutex guard_;
  std::condition_variable lane_work_;
  std::deque<std::shared_ptr<Ticket>> interactive_;
  std::deque<std::shared_ptr<Ticket>> bulk_;
  std::deque<std::shared_ptr<Ticket>> for_lanes_;
  std::uint64_t numbers_ = 0;
  int taken_ = 0;
  bool closed_ = false;
  Counts counts_;
};

}  // namespace rmbg
