// CUDA's library of mathematical functions, by that of the host: close, but not the same bits.
#include <cmath>
#include <cstdint>
#include <cstring>

#define CALLED extern "C" __attribute__((visibility("default")))

#define ONE(name) \
    CALLED float __nv_##name##f(float x) { return std::name(x); } \
    CALLED double __nv_##name(double x) { return std::name(x); }
ONE(exp) ONE(exp2) ONE(expm1) ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(sqrt) ONE(cbrt)
ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan)
ONE(sinh) ONE(cosh) ONE(tanh) ONE(asinh) ONE(acosh) ONE(atanh)
ONE(erf) ONE(erfc) ONE(tgamma) ONE(lgamma) ONE(floor) ONE(ceil) ONE(trunc) ONE(rint) ONE(fabs)

#define TWO(name) \
    CALLED float __nv_##name##f(float x, float y) { return std::name(x, y); } \
    CALLED double __nv_##name(double x, double y) { return std::name(x, y); }
TWO(pow) TWO(fmod) TWO(atan2) TWO(hypot) TWO(copysign) TWO(fmax) TWO(fmin)

CALLED float __nv_powif(float x, int n) { return std::pow(x, float(n)); }
CALLED double __nv_powi(double x, int n) { return std::pow(x, double(n)); }
CALLED float __nv_fmaf(float x, float y, float z) { return std::fma(x, y, z); }
CALLED double __nv_fma(double x, double y, double z) { return std::fma(x, y, z); }
CALLED int __nv_float_as_int(float x) {
    int bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
CALLED float __nv_int_as_float(int bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
CALLED int __nv_isnanf(float x) { return std::isnan(x); }
CALLED int __nv_isnand(double x) { return std::isnan(x); }
CALLED int __nv_isinff(float x) { return std::isinf(x); }
CALLED int __nv_isinfd(double x) { return std::isinf(x); }
CALLED int __nv_finitef(float x) { return std::isfinite(x); }
CALLED int __nv_isfinited(double x) { return std::isfinite(x); }
CALLED int __nv_min(int x, int y) { return x < y ? x : y; }
CALLED int __nv_max(int x, int y) { return x > y ? x : y; }
CALLED uint32_t __nv_umin(uint32_t x, uint32_t y) { return x < y ? x : y; }
CALLED uint32_t __nv_umax(uint32_t x, uint32_t y) { return x > y ? x : y; }
CALLED int64_t __nv_llmin(int64_t x, int64_t y) { return x < y ? x : y; }
CALLED int64_t __nv_llmax(int64_t x, int64_t y) { return x > y ? x : y; }
CALLED uint64_t __nv_ullmin(uint64_t x, uint64_t y) { return x < y ? x : y; }
CALLED uint64_t __nv_ullmax(uint64_t x, uint64_t y) { return x > y ? x : y; }
