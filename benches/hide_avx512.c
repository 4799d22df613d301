// Preloaded by without_avx512.py: CPUID, asked by whichever library, knows no AVX-512.
//
// Linux lets a thread have its CPUID instructions fault (arch_prctl(2), ARCH_SET_CPUID; threads and forks inherit it, exec
// clears it). The handler answers in the instruction's place. The C library has asked before: its memcpy stays as it was.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

// Leaf 7, subleaf 0: F, DQ, IFMA, CD, BW and VL in EBX; VBMI, VBMI2, VNNI, BITALG and VPOPCNTDQ in ECX; 4VNNIW, 4FMAPS,
// VP2INTERSECT, FP16 and the tiles of AMX in EDX. Subleaf 1: VNNI without AVX-512 stays, BF16 (EAX bit 5) goes.
static const unsigned kEbx = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31;
static const unsigned kEcx = 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14;
static const unsigned kEdx = 1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25;

static long allow_cpuid(int allowed) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, allowed); }

static void answer(int signal_number, siginfo_t* info, void* context) {
  (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const unsigned char* instruction = (const unsigned char*)registers[REG_RIP];
  if (instruction[0] != 0x0f || instruction[1] != 0xa2) {
    signal(signal_number, SIG_DFL);  // a fault of another kind happens again, and ends the process
    return;
  }
  const unsigned leaf = (unsigned)registers[REG_RAX];
  const unsigned subleaf = (unsigned)registers[REG_RCX];
  unsigned eax, ebx, ecx, edx;
  allow_cpuid(1);
  __cpuid_count(leaf, subleaf, eax, ebx, ecx, edx);
  allow_cpuid(0);
  if (leaf == 7 && subleaf == 0) {
    ebx &= ~kEbx;
    ecx &= ~kEcx;
    edx &= ~kEdx;
  } else if (leaf == 7 && subleaf == 1) {
    eax &= ~(1u << 5);
  }
  registers[REG_RAX] = eax;
  registers[REG_RBX] = ebx;
  registers[REG_RCX] = ecx;
  registers[REG_RDX] = edx;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void hide(void) {
  struct sigaction action = {0};
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaction(SIGSEGV, &action, NULL) != 0 || allow_cpuid(0) != 0) {
    fputs("this CPU or kernel cannot hide AVX-512: CPUID does not fault\n", stderr);
    _exit(1);
  }
}
