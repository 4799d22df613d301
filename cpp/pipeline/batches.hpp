// Runs of several pictures at once, of callers that know nothing of each other. Safe to use from many threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/device.hpp"

namespace rmbg {

class Batches {
 public:
  using Shape = std::vector<std::int64_t>;
  // Runs the model on inputs of this shape, one behind the other, and returns the shape of the float32 `result`.
  using Model = std::function<Shape(const void* data, const Shape& shape, cuda::HostBuffer& result)>;

  struct Counts {
    std::uint64_t runs = 0;
    std::uint64_t pictures = 0;
  };

  // At most `most` pictures a run, and the first waits no longer than `patience` for the others. `device`: where inputs
  // are soonest taken from page-locked memory.
  Batches(Model model, int most, std::chrono::microseconds patience, const cuda::Device* device)
      : model_(std::move(model)), most_(static_cast<std::size_t>(most)), patience_(patience), device_(device) {}

  // The model's answer to one input of `bytes`, whose shape begins with 1, by a run with others of the same shape; what
  // it returns begins with 1, too. Throws what the model throws, to all of the run, and Error(model) where its output is
  // no batch. The stop of one caller does not end the run of the others.
  Shape run(const void* data, std::size_t bytes, const Shape& shape, cuda::HostBuffer& result);

  Counts counts() const;

 private:
  struct Group;

  // The open group of that shape, where there is one, or a new one.
  std::shared_ptr<Group> group_for(std::size_t bytes, const Shape& shape);
  void run_model(Group& group);

  const Model model_;
  const std::size_t most_;
  const std::chrono::microseconds patience_;
  const cuda::Device* const device_;
  mutable std::mutex guard_;
  std::vector<std::shared_ptr<Group>> open_;
  Counts counts_;
};

}  // namespace rmbg
