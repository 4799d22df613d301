// The CUDA driver played by the CPU: memory of the devices is the host's, and a kernel goes through its threads one by
// one. Nothing that a stream is given is done before somebody waits for it, so that whoever forgets to wait reads what
// was there before. For tests of all that runs on a device, where there is none.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "cuda/driver.hpp"
#include "cuda/samples.hpp"

namespace {

using rmbg::cuda::Address;
using rmbg::cuda::ContextObject;
using rmbg::cuda::DeviceNumber;
using rmbg::cuda::EventObject;
using rmbg::cuda::FunctionObject;
using rmbg::cuda::ModuleObject;
using rmbg::cuda::Result;
using rmbg::cuda::StreamObject;

constexpr Result kInvalid = 1, kNotFound = 500;

// RMBG_FAST_STAND_IN_BYTES: each device's memory, so that tests can run out of it; RMBG_FAST_STAND_IN_DEVICES: how many
// there are.
std::size_t number_from(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}
std::size_t total_bytes() { return number_from("RMBG_FAST_STAND_IN_BYTES", std::size_t{8} << 30); }
int devices() { return static_cast<int>(number_from("RMBG_FAST_STAND_IN_DEVICES", 1)); }

std::recursive_mutex guard;  // of what follows; work that waits for another stream's goes deeper
using Lock = std::lock_guard<std::recursive_mutex>;

struct Block {
  std::size_t bytes;
  int device;
};
std::map<std::uintptr_t, Block> blocks;  // of the devices' memory, by address
std::map<int, std::size_t> used;

struct Stream {
  std::deque<std::function<void()>> work;
  std::uint64_t given = 0;
  std::uint64_t done = 0;
};
using Shared = std::shared_ptr<Stream>;  // waited for after its end, too
std::set<Shared> streams;
struct Event {
  Shared stream;
  std::uint64_t upto = 0;
};
thread_local std::vector<int> contexts;  // pushed, of this thread: numbers of devices

Result with_context(bool valid = true) { return !contexts.empty() && valid ? 0 : kInvalid; }

void do_work(Stream& stream, std::uint64_t upto) {
  while (stream.done < upto && !stream.work.empty()) {
    const std::function<void()> next = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    next();
  }
}

void do_all() {
  for (const Shared& stream : std::set<Shared>(streams)) do_work(*stream, stream->given);
}

// The default streams' numbers are no addresses: 0 and 1 are the legacy one, 2 is the thread's.
Shared stream_of(StreamObject* object) {
  static const Shared legacy = *streams.insert(std::make_shared<Stream>()).first;
  static const Shared of_thread = *streams.insert(std::make_shared<Stream>()).first;
  const auto number = reinterpret_cast<std::uintptr_t>(object);
  return number <= 1 ? legacy : number == 2 ? of_thread : *reinterpret_cast<Shared*>(object);
}

Result give(StreamObject* object, std::function<void()> work) {
  const Lock lock(guard);
  const Shared stream = stream_of(object);
  stream->work.push_back(std::move(work));
  ++stream->given;
  return with_context();
}

Result give_copy(StreamObject* stream, void* to, const void* from, std::size_t bytes) {
  return give(stream, [=] { std::memcpy(to, from, bytes); });
}

void* take(std::size_t bytes) {
  void* const memory = std::aligned_alloc(64, std::max<std::size_t>((bytes + 63) / 64 * 64, 64));
  if (memory != nullptr) std::memset(memory, 0xa5, bytes);
  return memory;
}

struct Kernel {
  const char* name;
  std::function<void()> (*bind)(void** parameters);  // which are copied, as the driver copies them
};

template <typename Job>
std::function<void()> bind(void** parameters) {
  const Job job = *static_cast<const Job*>(parameters[0]);
  const auto width = *static_cast<const std::int32_t*>(parameters[1]);
  const auto height = *static_cast<const std::int32_t*>(parameters[2]);
  return [=] {
    for (std::int32_t y = 0; y < height; ++y) {
      for (std::int32_t x = 0; x < width; ++x) rmbg::cuda::run(job, x, y);
    }
  };
}

#define RMBG_ENTRY(name, Job) {#name, &bind<rmbg::cuda::Job>},
const Kernel kKernels[] = {RMBG_DEVICE_KERNELS(RMBG_ENTRY)};

template <typename T>
T* pointer(Address address) {
  return reinterpret_cast<T*>(address);
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default"))) Result

EXPORTED cuInit(unsigned) { return 0; }
EXPORTED cuDriverGetVersion(int* version) { return *version = 13000, 0; }
EXPORTED cuGetErrorString(Result result, const char** text) {
  *text = result == rmbg::cuda::kOutOfMemory ? "out of memory" : result == kNotFound ? "not found" : "invalid argument";
  return 0;
}

EXPORTED cuDeviceGetCount(int* count) { return *count = devices(), 0; }
EXPORTED cuDeviceGet(DeviceNumber* number, int ordinal) {
  *number = ordinal;
  return ordinal >= 0 && ordinal < devices() ? 0 : kInvalid;
}
EXPORTED cuDeviceGetName(char* name, int size, DeviceNumber) {
  std::strncpy(name, "stand-in", static_cast<std::size_t>(size));
  return 0;
}
EXPORTED cuDeviceGetAttribute(int* value, int attribute, DeviceNumber) { return *value = attribute == 75 ? 9 : 0, 0; }
EXPORTED cuDevicePrimaryCtxRetain(ContextObject** context, DeviceNumber number) {
  *context = reinterpret_cast<ContextObject*>(static_cast<std::uintptr_t>(number) + 1);
  return 0;
}
EXPORTED cuCtxPushCurrent_v2(ContextObject* context) {
  contexts.push_back(static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1);
  return 0;
}
EXPORTED cuCtxPopCurrent_v2(ContextObject**) {
  if (contexts.empty()) return kInvalid;
  contexts.pop_back();
  return 0;
}

EXPORTED cuModuleLoadData(ModuleObject** module, const void* image) {
  *module = nullptr;
  return with_context(std::strstr(static_cast<const char*>(image), ".version") != nullptr);
}
EXPORTED cuModuleGetFunction(FunctionObject** function, ModuleObject*, const char* name) {
  for (const Kernel& kernel : kKernels) {
    if (std::strcmp(kernel.name, name) == 0) {
      *function = reinterpret_cast<FunctionObject*>(const_cast<Kernel*>(&kernel));
      return with_context();
    }
  }
  return kNotFound;
}
EXPORTED cuLaunchKernel(FunctionObject* function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        StreamObject* stream, void** parameters, void**) {
  return give(stream, reinterpret_cast<const Kernel*>(function)->bind(parameters));
}

EXPORTED cuStreamCreate(StreamObject** stream, unsigned) {
  const Lock lock(guard);
  auto* const made = new Shared(std::make_shared<Stream>());
  streams.insert(*made);
  *stream = reinterpret_cast<StreamObject*>(made);
  return with_context();
}
EXPORTED cuStreamDestroy_v2(StreamObject* stream) {
  const Lock lock(guard);
  auto* const made = reinterpret_cast<Shared*>(stream);
  do_work(**made, (*made)->given);
  streams.erase(*made);
  delete made;
  return with_context();
}
EXPORTED cuStreamSynchronize(StreamObject* object) {
  const Lock lock(guard);
  const Shared stream = stream_of(object);
  do_work(*stream, stream->given);
  return with_context();
}
EXPORTED cuEventCreate(EventObject** event, unsigned) {
  *event = reinterpret_cast<EventObject*>(new Event);
  return with_context();
}
EXPORTED cuEventRecord(EventObject* event, StreamObject* object) {
  const Lock lock(guard);
  const Shared stream = stream_of(object);
  *reinterpret_cast<Event*>(event) = {stream, stream->given};
  return with_context();
}
EXPORTED cuStreamWaitEvent(StreamObject* stream, EventObject* event, unsigned) {
  return give(stream, [waited = *reinterpret_cast<Event*>(event)] {
    if (waited.stream) do_work(*waited.stream, waited.upto);
  });
}
EXPORTED cuEventDestroy_v2(EventObject* event) { return delete reinterpret_cast<Event*>(event), with_context(); }

EXPORTED cuMemAlloc_v2(Address* address, std::size_t bytes) {
  if (with_context() != 0) return kInvalid;
  const Lock lock(guard);
  const int device = contexts.back();
  if (used[device] + bytes > total_bytes()) return rmbg::cuda::kOutOfMemory;
  *address = reinterpret_cast<Address>(take(bytes));
  if (*address == 0) return rmbg::cuda::kOutOfMemory;
  used[device] += bytes;
  blocks[*address] = {bytes, device};
  return 0;
}
EXPORTED cuMemFree_v2(Address address) {
  const Lock lock(guard);
  const auto found = blocks.find(address);
  if (found == blocks.end()) return kInvalid;
  do_all();
  used[found->second.device] -= found->second.bytes;
  std::memset(pointer<void>(address), 0x5a, found->second.bytes);
  std::free(pointer<void>(address));
  blocks.erase(found);
  return with_context();
}
EXPORTED cuMemAllocHost_v2(void** memory, std::size_t bytes) { return *memory = take(bytes), with_context(*memory); }
EXPORTED cuMemFreeHost(void* memory) {
  const Lock lock(guard);
  do_all();
  std::free(memory);
  return with_context();
}
EXPORTED cuMemcpyHtoDAsync_v2(Address to, const void* from, std::size_t bytes, StreamObject* stream) {
  return give_copy(stream, pointer<void>(to), from, bytes);
}
EXPORTED cuMemcpyDtoHAsync_v2(void* to, Address from, std::size_t bytes, StreamObject* stream) {
  return give_copy(stream, to, pointer<const void>(from), bytes);
}
EXPORTED cuMemcpyDtoDAsync_v2(Address to, Address from, std::size_t bytes, StreamObject* stream) {
  return give_copy(stream, pointer<void>(to), pointer<const void>(from), bytes);
}
EXPORTED cuMemsetD8Async(Address to, unsigned char value, std::size_t bytes, StreamObject* stream) {
  return give(stream, [=] { std::memset(pointer<void>(to), value, bytes); });
}
EXPORTED cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  if (with_context() != 0) return kInvalid;
  const Lock lock(guard);
  *total = total_bytes();
  *free = *total - std::min<std::size_t>(*total, used[contexts.back()]);
  return 0;
}
EXPORTED cuPointerGetAttribute(void* value, int attribute, Address address) {
  constexpr int kOrdinal = 9;
  const Lock lock(guard);
  auto block = blocks.upper_bound(address);
  if (attribute != kOrdinal || block == blocks.begin()) return kInvalid;
  --block;
  if (address >= block->first + block->second.bytes) return kInvalid;
  *static_cast<int*>(value) = block->second.device;
  return 0;
}
