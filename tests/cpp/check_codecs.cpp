// The PNG encoder: every tier that runs here against the reference, byte for byte, and the files against a plain
// decoder.
//   check_codecs [ROUNDS | SECONDSs] [SEED]      e.g. check_codecs 2000, check_codecs 20s 7
// First every size to 65 x 65, then random pictures. Memory is allocated to the byte, with guards behind what is
// written.
#include <cstdint>
#include <cstdio>

#include "codec_files.hpp"
#include "codec_kernels.hpp"

int main(int argc, char** argv) {
  checking::Rounds rounds(argc, argv, "300");
  Tiers tiers = codecs::tiers();
  std::printf("check_codecs, seed %u:", rounds.seed);
  for (const CodecTable* tier : tiers) std::printf(" %s", tier->name);
  std::printf("\n");
  tiers.erase(tiers.begin());
  Random random(rounds.seed);
  if (!rounds.timed()) {
    for (std::int32_t height = 1; height <= 65; ++height) {
      for (std::int32_t width = 1; width <= 65; ++width) check_file(random, tiers, width, height);
    }
  }
  for (; rounds.go_on(); ++rounds.done) {
    check_filters(random, tiers);
    check_deflate(random, tiers);
    check_code_lengths(random);
    check_any_file(random, tiers);
  }
  std::printf("%d rounds: all passed, 0 failed\n", rounds.done);
  return 0;
}
