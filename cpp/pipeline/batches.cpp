#include "pipeline/batches.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <string>

#include "core/error.hpp"
#include "core/stop.hpp"

namespace rmbg {

// One run, from the first that joins to the last that takes its result.
struct Batches::Group {
  Group(const cuda::Device* device, const Shape& of) : shape(of), input(device), output(device) {}

  const Shape shape;  // of one
  cuda::HostBuffer input;
  cuda::HostBuffer output;
  std::size_t joined = 0;
  std::size_t copied = 0;  // whose input is there
  bool done = false;
  std::exception_ptr failure;
  Shape result;  // of one
  std::size_t result_values = 0;
  std::condition_variable change;
};

std::shared_ptr<Batches::Group> Batches::group_for(std::size_t bytes, const Shape& shape) {
  for (const std::shared_ptr<Group>& group : open_) {
    if (group->shape == shape) return group;
  }
  auto group = std::make_shared<Group>(device_, shape);
  group->input.reserve(bytes * most_);
  open_.push_back(group);
  return group;
}

Batches::Shape Batches::run(const void* data, std::size_t bytes, const Shape& shape, cuda::HostBuffer& result) {
  std::unique_lock lock(guard_);
  const std::shared_ptr<Group> group = group_for(bytes, shape);
  const auto close = [&] { std::erase(open_, group); };
  const std::size_t index = group->joined++;
  if (group->joined == most_) close();
  lock.unlock();
  std::memcpy(static_cast<char*>(group->input.data()) + index * bytes, data, bytes);
  lock.lock();
  ++group->copied;
  group->change.notify_all();
  if (index == 0) {
    group->change.wait_for(lock, patience_, [&] { return group->copied == most_; });
    close();
    group->change.wait(lock, [&] { return group->copied == group->joined; });
    ++counts_.runs;
    counts_.pictures += group->joined;
    lock.unlock();
    run_model(*group);
    lock.lock();
    group->done = true;
    group->change.notify_all();
  } else {
    group->change.wait(lock, [&] { return group->done; });
  }
  lock.unlock();
  if (group->failure) std::rethrow_exception(group->failure);
  const std::size_t size = group->result_values * sizeof(float);
  result.reserve(size);
  std::memcpy(result.data(), static_cast<const char*>(group->output.data()) + index * size, size);
  return group->result;
}

void Batches::run_model(Group& group) {
  const Stop::Scope nobody(nullptr);
  try {
    Shape shape = group.shape;
    const auto count = static_cast<std::int64_t>(group.joined);
    shape[0] = count;
    group.result = model_(group.input.data(), shape, group.output);
    if (group.result.empty() || group.result[0] != count) {
      throw Error(ErrorKind::model, "the model was given " + std::to_string(count) +
                                        " pictures in a batch, and its output does not begin with that number");
    }
    group.result[0] = 1;
    group.result_values = 1;
    for (const std::int64_t side : group.result) group.result_values *= static_cast<std::size_t>(side);
  } catch (...) {
    group.failure = std::current_exception();
  }
}

Batches::Counts Batches::counts() const {
  const std::lock_guard lock(guard_);
  return counts_;
}

}  // namespace rmbg
