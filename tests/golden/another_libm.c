/* A C library whose elementary functions are off: each result that is not exact is larger by a millionth.

   Preloaded, it stands for the C library of another system, whose last bits differ; by so much more that no rounding to
   float32 hides it. What is exact, such as pow(2, -53), any decent library gives. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>

static double wrong(double y, long double exact) {
  return (long double)y == exact ? y : y * (1 + 1e-6);
}

static float wrongf(float y, long double exact) {
  return (long double)y == exact ? y : y * (1 + 1e-6f);
}

#define WRAP(type, name, exact, changed, arguments, given)        \
  type name arguments {                                           \
    static type(*real) arguments;                                 \
    if (!real) real = (type(*) arguments)dlsym(RTLD_NEXT, #name); \
    return changed(real given, exact given);                      \
  }
#define OF_ONE(name)                                \
  WRAP(double, name, name##l, wrong, (double x), (x)) \
  WRAP(float, name##f, name##l, wrongf, (float x), (x))
#define OF_TWO(name)                                              \
  WRAP(double, name, name##l, wrong, (double x, double y), (x, y)) \
  WRAP(float, name##f, name##l, wrongf, (float x, float y), (x, y))

OF_ONE(acos) OF_ONE(acosh) OF_ONE(asin) OF_ONE(asinh) OF_ONE(atan) OF_ONE(atanh) OF_ONE(cbrt) OF_ONE(cos) OF_ONE(cosh)
OF_ONE(erf) OF_ONE(erfc) OF_ONE(exp) OF_ONE(exp2) OF_ONE(expm1) OF_ONE(log) OF_ONE(log10) OF_ONE(log1p) OF_ONE(log2)
OF_ONE(sin) OF_ONE(sinh) OF_ONE(tan) OF_ONE(tanh) OF_TWO(atan2) OF_TWO(hypot) OF_TWO(pow)

void sincos(double x, double *sine, double *cosine) {
  *sine = sin(x);
  *cosine = cos(x);
}

void sincosf(float x, float *sine, float *cosine) {
  *sine = sinf(x);
  *cosine = cosf(x);
}
