// The kernels for every processor, with registers of 16 bytes: SSE2 on x86-64, NEON on 64-bit ARM.
#include <cmath>
#include <cstdlib>
#include <limits>

#include "jobs.h"
#include "scratch.h"

#define PEERSPEC_WIDTH 16
#define PEERSPEC_KERNELS plain_kernels
#include "kernels.h"
