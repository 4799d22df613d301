#include "ort/device_runs.hpp"

#include <algorithm>

#include "ort/status.hpp"
#include "ort/stoppable.hpp"
#include "ort/tensors.hpp"

namespace rmbg::ort {

// Waits for an idle slot and gives it back at the end of the run, whatever happens.
class DeviceRuns::Lease {
 public:
  explicit Lease(DeviceRuns& owner) : owner_(owner) {
    std::unique_lock lock(owner_.guard_);
    owner_.freed_.wait(lock, [&] { return !owner_.idle_.empty(); });
    slot_ = owner_.idle_.back();
    owner_.idle_.pop_back();
  }
  ~Lease() {
    {
      const std::lock_guard lock(owner_.guard_);
      owner_.idle_.push_back(slot_);
    }
    owner_.freed_.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Slot& operator*() { return *slot_; }

 private:
  DeviceRuns& owner_;
  Slot* slot_;
};

DeviceRuns::DeviceRuns(OrtSession* session, const TensorInfo& input, const TensorInfo& output,
                       const cuda::Device& device, const char* memory, int at_once)
    : session_(session), input_(input), output_(output) {
  memory_.reset(get<OrtMemoryInfo*>(ErrorKind::inference, kRunFailed, api().CreateMemoryInfo, memory,
                                    OrtDeviceAllocator, device.id(), OrtMemTypeDefault));
  for (int i = 0; i < at_once; ++i) {
    slots_.push_back(std::make_unique<Slot>(device));
    idle_.push_back(slots_.back().get());
  }
}

std::size_t DeviceRuns::input_bytes(const std::vector<std::int64_t>& shape) const {
  return element_count(shape) * bytes_of(input_.type);
}

void DeviceRuns::bind(Slot& slot, const std::vector<std::int64_t>& shape) {
  if (slot.shape == shape) return;
  slot.shape.clear();
  slot.input.reserve(input_bytes(shape));
  slot.input_value = tensor_over(slot.input.data(), shape, input_.type, memory_);
  if (is_static(output_.shape)) {
    slot.output.reserve(element_count(output_.shape) * bytes_of(output_.type));
    slot.output_value = tensor_over(slot.output.data(), output_.shape, output_.type, memory_);
    slot.binding.reset(get<OrtIoBinding*>(ErrorKind::inference, kRunFailed, api().CreateIoBinding, session_));
    check(api().BindInput(slot.binding.get(), input_.name.c_str(), slot.input_value.get()), ErrorKind::inference,
          kRunFailed);
    check(api().BindOutput(slot.binding.get(), output_.name.c_str(), slot.output_value.get()), ErrorKind::inference,
          kRunFailed);
  }
  slot.shape = shape;
}

DeviceRuns::Output DeviceRuns::infer(Slot& slot) {
  const StoppableRun run;
  if (slot.binding) {
    run.check_end(api().RunWithBinding(session_, run.options(), slot.binding.get()));
    return {output_.shape, slot.output.data(), true, nullptr};
  }
  const char* input_name = input_.name.c_str();  // an output of any size: the runtime brings it to the host
  const char* output_name = output_.name.c_str();
  const OrtValue* input_value = slot.input_value.get();
  OrtValue* output_value = nullptr;
  OrtStatus* status = api().Run(session_, run.options(), &input_name, &input_value, 1, &output_name, 1, &output_value);
  ValueHandle value(output_value);
  run.check_end(status);
  std::vector<std::int64_t> shape = shape_of_value(output_value);
  return {std::move(shape), data_of(output_value), false, std::move(value)};
}

std::vector<std::int64_t> DeviceRuns::from_host(const void* data, const std::vector<std::int64_t>& shape,
                                                cuda::HostBuffer& result) {
  Lease lease(*this);
  Slot& slot = *lease;
  bind(slot, shape);
  slot.stream.upload(slot.input.data(), data, input_bytes(shape));
  slot.stream.wait();
  const Output output = infer(slot);
  const std::size_t count = element_count(output.shape);
  const std::size_t bytes = count * bytes_of(output_.type);
  const bool wide = output_.type == ElementType::float32;
  result.reserve(count * sizeof(float) + (wide ? 0 : bytes));  // float16 lands behind what is made of it
  char* const landing = static_cast<char*>(result.data()) + (wide ? 0 : count * sizeof(float));
  const void* from = output.data;
  if (output.on_device) {
    slot.stream.download(landing, output.data, bytes);
    slot.stream.wait();
    from = landing;
  }
  if (from != result.data()) to_float(from, output_.type, count, static_cast<float*>(result.data()));
  return output.shape;
}

std::vector<std::int64_t> DeviceRuns::on_device(const void* data, const std::vector<std::int64_t>& shape,
                                                cuda::DeviceBuffer& result, cuda::Stream& stream) {
  Lease lease(*this);
  Slot& slot = *lease;
  bind(slot, shape);
  stream.copy(slot.input.data(), data, input_bytes(shape));
  stream.wait();
  const Output output = infer(slot);
  const std::size_t bytes = element_count(output.shape) * bytes_of(output_.type);
  result.reserve(bytes);
  if (output.on_device) {
    stream.copy(result.data(), output.data, bytes);
  } else {
    stream.upload(result.data(), output.data, bytes);
  }
  stream.wait();
  return output.shape;
}

}  // namespace rmbg::ort
