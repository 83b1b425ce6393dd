// The driver: devices, contexts and memory.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "api.hpp"
#include "findings.hpp"
#include "lock.hpp"
#include "queue.hpp"

using namespace emulator;

namespace {

const CUcontext CONTEXT = reinterpret_cast<CUcontext>(0xC0DE);
thread_local std::vector<CUcontext> contexts;  // of each thread of the host

int attribute(CUdevice_attribute which) {
    switch (which) {
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return device.capability / 10;
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return device.capability % 10;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return device.processors;
        case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1'000'000;
        case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH: return 1;
        case CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT: return device.draws_a_screen;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return 1024;
        case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return 2147483647;
        default: return 0;
    }
}

// Device memory is that of the host, so the host's bytes are copied once the launches before are done.
CUresult copy(uintptr_t to, uintptr_t from, size_t bytes, bool to_device, bool from_device) {
    const Guard guard(device_lock);
    run_pending();
    if (bytes == 0 || outcome() != CUDA_SUCCESS) return outcome();
    if ((to_device && !memory.inside(to, bytes)) || (from_device && !memory.inside(from, bytes))) {
        Findings::add("out of bounds", 0, "a copy of " + std::to_string(bytes) + " bytes");
        return CUDA_ERROR_INVALID_VALUE;
    }
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    if (to_device) memory.mark_written(to, bytes);
    return CUDA_SUCCESS;
}

uintptr_t number(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace

API cuInit(unsigned) { return outcome(); }
API cuDriverGetVersion(int* version) { return *version = device.driver_version, CUDA_SUCCESS; }
API cuDeviceGetCount(int* count) { return *count = 1, CUDA_SUCCESS; }
API cuDeviceGet(CUdevice* found, int) { return *found = 0, CUDA_SUCCESS; }
API cuDeviceGetName(char* name, int size, CUdevice) {
    std::snprintf(name, size_t(size), "emulated device");
    return CUDA_SUCCESS;
}
API cuDeviceGetUuid(CUuuid* uuid, CUdevice) { return std::memset(uuid, 7, sizeof *uuid), CUDA_SUCCESS; }
API cuDeviceTotalMem(size_t* bytes, CUdevice) { return *bytes = memory.room, CUDA_SUCCESS; }
API cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice) {
    return *value = attribute(which), CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) { return *context = CONTEXT, CUDA_SUCCESS; }
API cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
API cuDevicePrimaryCtxReset(CUdevice) { return CUDA_SUCCESS; }
API cuCtxGetCurrent(CUcontext* context) {
    return *context = contexts.empty() ? nullptr : contexts.back(), CUDA_SUCCESS;
}
API cuCtxSetCurrent(CUcontext context) {
    if (!contexts.empty()) contexts.pop_back();
    if (context != nullptr) contexts.push_back(context);
    return CUDA_SUCCESS;
}
API cuCtxPushCurrent(CUcontext context) { return contexts.push_back(context), CUDA_SUCCESS; }
API cuCtxPopCurrent(CUcontext* context) {
    if (contexts.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (context != nullptr) *context = contexts.back();
    contexts.pop_back();
    return CUDA_SUCCESS;
}
#undef cuCtxGetDevice
API cuCtxGetDevice(CUdevice* found) {
    if (contexts.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    return *found = 0, CUDA_SUCCESS;
}
#undef cuCtxSynchronize
API cuCtxSynchronize() { return run_pending(), outcome(); }
API cuCtxGetStreamPriorityRange(int* least, int* greatest) { return *least = *greatest = 0, CUDA_SUCCESS; }

API cuMemGetInfo(size_t* free, size_t* total) {
    run_pending();
    *total = memory.room;
    *free = memory.room - std::min(memory.room, memory.used());
    return outcome();
}
API cuMemAlloc(CUdeviceptr* address, size_t bytes) {
    if (outcome() != CUDA_SUCCESS) return outcome();
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    *address = memory.allocate(bytes);
    return *address == 0 ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}
API cuMemFree(CUdeviceptr address) {
    run_pending();
    if (outcome() != CUDA_SUCCESS) return outcome();
    return address == 0 || memory.free(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
API cuMemcpyHtoD(CUdeviceptr to, const void* from, size_t bytes) { return copy(to, number(from), bytes, true, false); }
API cuMemcpyDtoH(void* to, CUdeviceptr from, size_t bytes) { return copy(number(to), from, bytes, false, true); }
API cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) { return copy(to, from, bytes, true, true); }
API cuPointerGetAttribute(void* value, CUpointer_attribute which, CUdeviceptr address) {
    if (which != CU_POINTER_ATTRIBUTE_DEVICE_POINTER) return CUDA_ERROR_INVALID_VALUE;
    return *static_cast<CUdeviceptr*>(value) = address, CUDA_SUCCESS;
}
API cuMemGetAddressRange(CUdeviceptr* begin, size_t* bytes, CUdeviceptr address) {
    const auto [first, size] = memory.allocation(address);
    if (first == 0) return CUDA_ERROR_NOT_FOUND;
    if (begin != nullptr) *begin = first;
    if (bytes != nullptr) *bytes = size;
    return CUDA_SUCCESS;
}
