/* A driver of a GPU that is not there: it writes down what it is asked to launch, and itself adds for
 * sum_parts_kernel, so that results show which arrays and numbers arrived. Built and named by test_launcher.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char name[64];
} kernel;

static FILE* record(void) { return fopen(getenv("RECORD"), "a"); }

int cuLibraryLoadData(void** library, const void* image, void* a, void** b, unsigned c, void* d, void** e, unsigned f) {
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  if (memcmp(image, "\177ELF", 4)) return 200;
  FILE* file = record();
  fprintf(file, "load\n");
  fclose(file);
  *library = (void*)1;
  return 0;
}

int cuLibraryGetKernel(void** found, void* library, const char* name) {
  (void)library;
  kernel* made = calloc(1, sizeof(kernel));
  strncpy(made->name, name, sizeof(made->name) - 1);
  *found = made;
  return 0;
}

int cuCtxGetDevice(int* device) { return *device = 0; }

int cuKernelSetAttribute(int attribute, int value, void* found, int device) {
  (void)attribute, (void)value, (void)found, (void)device;
  return 0;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == 2 ? "out of memory" : "invalid image";
  return 0;
}

int cuLaunchKernel(void* found, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned b, unsigned c,
                   unsigned shared, void* stream, void** parameters, void** more) {
  (void)b, (void)c, (void)shared, (void)stream, (void)more;
  const kernel* own = found;
  if (getenv("FULL")) return 2;
  FILE* file = record();
  fprintf(file, "%s %u %u %u %u\n", own->name, x, y, z, threads);
  fclose(file);
  if (!strcmp(own->name, "sum_parts_kernel")) {
    const float* parts = *(float**)parameters[0];
    float* out = *(float**)parameters[1];
    const int count = *(int*)parameters[2];
    if (*(void**)parameters[3] || *(void**)parameters[4]) return 1;
    for (int i = 0; i < count; i++) out[i] = parts[i] + parts[count + i] + parts[2 * count + i];
  }
  return 0;
}
