#include "core/stop.hpp"

#include "core/error.hpp"

namespace rmbg {
namespace {

thread_local Stop* current_stop = nullptr;

}  // namespace

void Stop::ask(Reason reason) {
  const std::lock_guard lock(guard_);
  if (reason_.load(std::memory_order_relaxed) != Reason::none) return;
  reason_.store(reason, std::memory_order_release);
  if (listener_ != nullptr) listener_->told_(listener_->object_);
}

void Stop::check() const {
  switch (reason()) {
    case Reason::none:
      return;
    case Reason::cancelled:
      fail(ErrorKind::cancelled, "the call was cancelled");
    case Reason::late:
      fail(ErrorKind::late, "the call was not done by its deadline");
  }
}

Stop::Listener::Listener(Stop& stop, void (*told)(void* object), void* object)
    : stop_(stop), told_(told), object_(object) {
  const std::lock_guard lock(stop_.guard_);
  stop_.listener_ = this;
  if (stop_.reason() != Reason::none) told_(object_);
}

Stop::Listener::~Listener() {
  const std::lock_guard lock(stop_.guard_);
  stop_.listener_ = nullptr;
}

Stop::Scope::Scope(Stop* stop) : before_(current_stop) { current_stop = stop; }

Stop::Scope::~Scope() { current_stop = before_; }

Stop* Stop::current() { return current_stop; }

}  // namespace rmbg
