// Checks the device kernels against the host's reference, bit for bit, and times them.
//   check_device [ROUNDS [SEED [DRIVER]]]   DRIVER: another library than libcuda.so.1, such as the stand-in
//   check_device time [DRIVER]              one table: milliseconds of each kernel, of host kernels and of copies
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/error.hpp"
#include "device_masks.hpp"
#include "device_pictures.hpp"
#include "device_times.hpp"

int main(int argument_count, char** arguments) {
  const bool timing = argument_count > 1 && std::strcmp(arguments[1], "time") == 0;
  const int driver_at = timing ? 2 : 3;
  try {
    if (argument_count > driver_at) cuda::use_driver(arguments[driver_at]);
    cuda::Stream stream(cuda::Device::get(0));
    std::printf("%s, compute capability %s, tier of the host: %s\n", stream.device().name().c_str(),
                stream.device().capability().c_str(), kernels::active().name);
    if (timing) {
      const bool stand_in = stream.device().name() == "stand-in";
      time_picture(stream, 1920, 1080, stand_in ? 1 : 15);
      if (!stand_in) time_picture(stream, 4000, 3000, 15);
      return 0;
    }
    const int rounds = argument_count > 1 ? std::atoi(arguments[1]) : 200;
    dice = checking::Random(argument_count > 2 ? static_cast<unsigned>(std::atoi(arguments[2])) : 1u);
    for (int i = 0; i < rounds; ++i) {
      check_picture(stream);
      check_pack(stream);
      check_mask(stream);
      check_box(stream);
      check_activation(stream);
    }
    bool refused = false;
    try {
      cuda::Device::get(cuda::Device::count());
    } catch (const rmbg::Error& error) {
      refused = error.kind() == rmbg::ErrorKind::device;
    }
    expect(refused, "a device that is not there");
  } catch (const rmbg::Error& error) {
    expect(false, error.what());
  }
  std::printf(failures == 0 ? "all good\n" : "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
