// The driver: kernels, streams, events, graphs, and the table of all functions.
#include <cstdio>
#include <string>
#include <unordered_map>
#include <utility>

#include "api.hpp"
#include "findings.hpp"
#include "queue.hpp"

using namespace emulator;

namespace {

template <typename To, typename From>
To* as(From* handle) {
    return reinterpret_cast<To*>(handle);
}

Stream& stream_of(CUstream handle) { return *as<Stream>(handle); }

bool is_capturing(CUstream handle) { return !is_default(handle) && stream_of(handle).recorded != nullptr; }

bool is_cooperative(const CUlaunchConfig& config) {
    for (unsigned k = 0; k < config.numAttrs; ++k)
        if (config.attrs[k].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) return config.attrs[k].value.cooperative != 0;
    return false;
}

}  // namespace

// Kernels: a module begins with the name under which Python has added its kernel.

API cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option*, void**, unsigned, CUlibraryOption*, void**,
                      unsigned) {
    return *library = reinterpret_cast<CUlibrary>(const_cast<void*>(code)), CUDA_SUCCESS;
}
API cuLibraryUnload(CUlibrary) { return CUDA_SUCCESS; }
API cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char*) {
    const auto found = kernels.find(reinterpret_cast<const char*>(library));
    if (found == kernels.end()) return CUDA_ERROR_NOT_FOUND;
    return *kernel = as<CUkern_st>(&found->second), CUDA_SUCCESS;
}
API cuKernelGetLibrary(CUlibrary* library, CUkernel kernel) { return *library = as<CUlib_st>(kernel), CUDA_SUCCESS; }
API cuKernelGetFunction(CUfunction* function, CUkernel kernel) {
    return *function = as<CUfunc_st>(kernel), CUDA_SUCCESS;
}
API cuKernelGetAttribute(int* value, CUfunction_attribute which, CUkernel handle, CUdevice) {
    const Kernel& kernel = *as<Kernel>(handle);
    switch (which) {
        case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = kernel.registers; break;
        case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = kernel.most_threads(); break;
        case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = int(kernel.shared_bytes()); break;
        default: *value = 0;
    }
    return CUDA_SUCCESS;
}
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int, size_t) {
    return *blocks = device.blocks_per_processor, CUDA_SUCCESS;
}
API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction, int, size_t, unsigned) {
    return *blocks = device.blocks_per_processor, CUDA_SUCCESS;
}

API cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters, void**) {
    if (outcome() != CUDA_SUCCESS) return outcome();
    const Kernel& kernel = *as<Kernel>(function);
    Launch launch{&kernel, config->gridDimX, config->blockDimX, is_cooperative(*config), {}};
    if (config->gridDimY != 1 || config->gridDimZ != 1 || config->blockDimY != 1 || config->blockDimZ != 1 ||
        config->sharedMemBytes != 0) {
        Findings::add("not emulated", 0, "a launch in more than one dimension, or with dynamic shared memory");
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    if (launch.blocks == 0 || launch.threads == 0 || launch.threads > uint32_t(kernel.most_threads()))
        return CUDA_ERROR_INVALID_VALUE;
    if (launch.cooperative && launch.blocks > uint32_t(device.processors * device.blocks_per_processor))
        return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    for (size_t k = 0; k < kernel.parameter_sizes.size(); ++k) {
        const auto* bytes = static_cast<const uint8_t*>(parameters[k]);
        launch.parameters.emplace_back(bytes, bytes + kernel.parameter_sizes[k]);
    }
    if (is_capturing(config->hStream)) {
        stream_of(config->hStream).recorded->push_back(std::move(launch));
        ++counts.recorded;
    } else if (is_default(config->hStream)) {
        enqueue(std::move(launch));
    } else {
        Findings::add("not emulated", 0, "a launch into a stream of its own");
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}

// Streams and events.

API cuStreamCreate(CUstream* stream, unsigned) { return *stream = as<CUstream_st>(new Stream), CUDA_SUCCESS; }
API cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }
API cuStreamDestroy(CUstream stream) {
    run_pending();
    if (!is_default(stream)) delete as<Stream>(stream);
    return CUDA_SUCCESS;
}
API cuStreamSynchronize(CUstream) { return run_pending(), outcome(); }
#undef cuStreamGetCtx
API cuStreamGetCtx(CUstream, CUcontext* context) { return cuCtxGetCurrent(context); }
API cuStreamGetFlags(CUstream, unsigned* flags) { return *flags = CU_STREAM_NON_BLOCKING, CUDA_SUCCESS; }
API cuEventCreate(CUevent* event, unsigned) { return *event = reinterpret_cast<CUevent>(1), CUDA_SUCCESS; }
API cuEventDestroy(CUevent) { return CUDA_SUCCESS; }
API cuEventRecord(CUevent, CUstream) { return run_pending(), outcome(); }
API cuEventSynchronize(CUevent) { return run_pending(), outcome(); }
API cuEventElapsedTime(float* milliseconds, CUevent, CUevent) { return *milliseconds = 1.0f, CUDA_SUCCESS; }

// Graphs: lists of launches.

API cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode) {
    if (is_default(stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    stream_of(stream).recorded = new Graph;
    return CUDA_SUCCESS;
}
API cuStreamEndCapture(CUstream stream, CUgraph* graph) {
    if (!is_capturing(stream)) return CUDA_ERROR_ILLEGAL_STATE;
    *graph = as<CUgraph_st>(std::exchange(stream_of(stream).recorded, nullptr));
    return CUDA_SUCCESS;
}
API cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
    *status = is_capturing(stream) ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
}
#undef cuStreamGetCaptureInfo
static CUresult capture_info(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                             const CUgraphNode** nodes, const CUgraphEdgeData** edges, size_t* count) {
    if (id != nullptr) *id = 1;
    if (graph != nullptr) *graph = is_capturing(stream) ? as<CUgraph_st>(stream_of(stream).recorded) : nullptr;
    if (nodes != nullptr) *nodes = nullptr;
    if (edges != nullptr) *edges = nullptr;
    if (count != nullptr) *count = 0;
    return cuStreamIsCapturing(stream, status);
}
static CUresult capture_info_2(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                               const CUgraphNode** nodes, size_t* count) {
    return capture_info(stream, status, id, graph, nodes, nullptr, count);
}
API cuGraphInstantiateWithParams(CUgraphExec* executable, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* how) {
    *executable = as<CUgraphExec_st>(new Graph(*as<Graph>(graph)));
    how->result_out = CUDA_GRAPH_INSTANTIATE_SUCCESS;
    return CUDA_SUCCESS;
}
API cuGraphClone(CUgraph* copy, CUgraph graph) {
    return *copy = as<CUgraph_st>(new Graph(*as<Graph>(graph))), CUDA_SUCCESS;
}
API cuGraphUpload(CUgraphExec, CUstream) { return CUDA_SUCCESS; }
API cuGraphLaunch(CUgraphExec executable, CUstream stream) {
    if (!is_default(stream)) {
        Findings::add("not emulated", 0, "a graph launched into a stream of its own");
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    ++counts.graph_launches;
    if (outcome() != CUDA_SUCCESS) return outcome();
    for (const Launch& launch : *as<Graph>(executable)) enqueue(launch);
    return CUDA_SUCCESS;
}
API cuGraphExecDestroy(CUgraphExec executable) { return run_pending(), delete as<Graph>(executable), CUDA_SUCCESS; }
API cuGraphDestroy(CUgraph graph) { return delete as<Graph>(graph), CUDA_SUCCESS; }
API cuUserObjectCreate(CUuserObject* object, void*, CUhostFn, unsigned, unsigned) {
    return *object = reinterpret_cast<CUuserObject>(1), CUDA_SUCCESS;
}
API cuUserObjectRetain(CUuserObject, unsigned) { return CUDA_SUCCESS; }
API cuUserObjectRelease(CUuserObject, unsigned) { return CUDA_SUCCESS; }
API cuGraphRetainUserObject(CUgraph, CUuserObject, unsigned, unsigned) { return CUDA_SUCCESS; }
API cuGraphReleaseUserObject(CUgraph, CUuserObject, unsigned) { return CUDA_SUCCESS; }

// Errors, and the addresses of functions.

API cuGetErrorName(CUresult result, const char** name) {
    static char text[40];
    std::snprintf(text, sizeof text, "CUDA_ERROR_%d", int(result));
    *name = result == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : text;
    return CUDA_SUCCESS;
}
API cuGetErrorString(CUresult result, const char** text) { return cuGetErrorName(result, text); }
API cuGetProcAddress(const char*, void**, int, cuuint64_t, CUdriverProcAddressQueryResult*);

namespace {

#define ENTRY(name) {#name, reinterpret_cast<void*>(&name)}
const std::unordered_map<std::string, void*>& functions() {
    static const std::unordered_map<std::string, void*> all{
        ENTRY(cuInit), ENTRY(cuDriverGetVersion), ENTRY(cuDeviceGetCount), ENTRY(cuDeviceGet), ENTRY(cuDeviceGetName),
        ENTRY(cuDeviceGetUuid), ENTRY(cuDeviceTotalMem), ENTRY(cuDeviceGetAttribute), ENTRY(cuDevicePrimaryCtxRetain),
        ENTRY(cuDevicePrimaryCtxRelease), ENTRY(cuDevicePrimaryCtxReset), ENTRY(cuCtxGetCurrent),
        ENTRY(cuCtxSetCurrent), ENTRY(cuCtxPushCurrent), ENTRY(cuCtxPopCurrent), ENTRY(cuCtxGetDevice),
        ENTRY(cuCtxSynchronize), ENTRY(cuCtxGetStreamPriorityRange), ENTRY(cuMemGetInfo), ENTRY(cuMemAlloc),
        ENTRY(cuMemFree), ENTRY(cuMemcpyHtoD), ENTRY(cuMemcpyDtoH), ENTRY(cuMemcpyDtoD), ENTRY(cuPointerGetAttribute),
        ENTRY(cuMemGetAddressRange), ENTRY(cuLibraryLoadData), ENTRY(cuLibraryUnload), ENTRY(cuLibraryGetKernel),
        ENTRY(cuKernelGetLibrary), ENTRY(cuKernelGetFunction), ENTRY(cuKernelGetAttribute),
        ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessor),
        ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags), ENTRY(cuLaunchKernelEx), ENTRY(cuStreamCreate),
        ENTRY(cuStreamCreateWithPriority), ENTRY(cuStreamDestroy), ENTRY(cuStreamSynchronize), ENTRY(cuStreamGetCtx),
        ENTRY(cuStreamGetFlags), ENTRY(cuEventCreate), ENTRY(cuEventDestroy), ENTRY(cuEventRecord),
        ENTRY(cuEventSynchronize), ENTRY(cuEventElapsedTime), ENTRY(cuStreamBeginCapture), ENTRY(cuStreamEndCapture),
        ENTRY(cuStreamIsCapturing), ENTRY(cuGraphInstantiateWithParams), ENTRY(cuGraphClone), ENTRY(cuGraphUpload),
        ENTRY(cuGraphLaunch), ENTRY(cuGraphExecDestroy), ENTRY(cuGraphDestroy), ENTRY(cuUserObjectCreate),
        ENTRY(cuUserObjectRetain), ENTRY(cuUserObjectRelease), ENTRY(cuGraphRetainUserObject),
        ENTRY(cuGraphReleaseUserObject), ENTRY(cuGetErrorName), ENTRY(cuGetErrorString), ENTRY(cuGetProcAddress),
    };
    return all;
}

}  // namespace

API cuGetProcAddress(const char* name, void** function, int version, cuuint64_t, CUdriverProcAddressQueryResult* how) {
    void* found = nullptr;
    if (const auto entry = functions().find(name); entry != functions().end()) found = entry->second;
    if (std::string(name) == "cuStreamGetCaptureInfo")
        found = version >= 12030 ? reinterpret_cast<void*>(&capture_info) : reinterpret_cast<void*>(&capture_info_2);
    *function = found;
    if (how != nullptr)
        *how = found != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return found != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
