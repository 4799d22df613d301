// The wish that a call ends before it is done. Any thread may ask for it; the one that works looks at it between steps.
#pragma once

#include <atomic>

#include "core/mutex.hpp"

namespace rmbg {

class Stop {
 public:
  enum class Reason { none, cancelled, late };

  // The first reason counts.
  void ask(Reason reason);
  Reason reason() const { return reason_.load(std::memory_order_acquire); }
  // Throws Error, cancelled or late, where it was asked for.
  void check() const;

  // Who waits in a call of another library, which cannot look: told(object) is called once when a stop is asked for, at
  // once where it was before. It is not called any more when the destructor has returned. One at a time.
  class Listener {
   public:
    Listener(Stop& stop, void (*told)(void* object), void* object);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    friend class Stop;
    Stop& stop_;
    void (*told_)(void* object);
    void* object_;
  };

  // Makes it the current one of this thread, as long as it lives.
  class Scope {
   public:
    explicit Scope(Stop* stop);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Stop* before_;
  };
  static Stop* current();  // null: nobody may stop what this thread does

 private:
  std::atomic<Reason> reason_{Reason::none};
  Mutex guard_;
  Listener* listener_ = nullptr;
};

// Between two steps: throws what Stop::check of this thread's current stop does.
inline void check_stop() {
  if (const Stop* const stop = Stop::current()) stop->check();
}

}  // namespace rmbg
